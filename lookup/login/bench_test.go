package login

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/guard"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

// BenchmarkCheck is a right password in plain text, of 100,000 accounts: what is
// left when hashing costs nothing.
func BenchmarkCheck(b *testing.B) {
	builder := store.NewBuilder()
	builder.AddDomain(store.Domain{ID: 1, Name: "a.test", Type: store.LocalDomain, Enabled: true})
	attempts := make([]*Attempt, 100_000)
	for i := range attempts {
		id, local := uint32(i+1), fmt.Sprintf("user%d", i)
		builder.AddAccount(store.Account{ID: id, Username: local + "@a.test", Email: local + "@a.test", Password: "{PLAIN}secret", Active: true, Local: true})
		builder.AddMailbox(store.Mailbox{ID: id, AccountID: id, DomainID: 1, Local: local})
		attempts[(i*7919)%len(attempts)] = &Attempt{
			Service: "imap", Login: []byte(local + "@a.test"), Password: []byte("secret"),
			Remote: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}),
		}
	}
	o := options()
	o.WeakSchemes = true
	snap := builder.Build(time.Now())
	for _, tc := range []struct {
		name string
		g    *guard.Guard
	}{{"alone", nil}, {"guarded", guard.New(guard.Settings{})}} {
		b.Run(tc.name, func(b *testing.B) {
			l := New(&data{snap}, &password.Pool{}, tc.g, Hooks{}, o)
			for _, a := range attempts {
				if out, _ := l.Check(a); out.Verdict != Yes {
					b.Fatalf("%s: %+v", a.Login, out)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Uint64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					l.Check(attempts[next.Add(1)%uint64(len(attempts))])
				}
			})
		})
	}
}

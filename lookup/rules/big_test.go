package rules

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

// noJournal has nothing to say.
type noJournal struct{}

func (noJournal) Pending(string) (f usage.Figures, ok bool)      { return f, false }
func (noJournal) All(func(address string, f usage.Figures) bool) {}
func (noJournal) Begin(string, usage.Figures) (func(context.Context) error, error) {
	return nil, nil
}

// BenchmarkMany decides about 100,000 mailboxes, each once in turn.
func BenchmarkMany(b *testing.B) {
	const n = 100_000
	builder := store.NewBuilder()
	address := func(i int) string { return fmt.Sprintf("user%d@d%d.bench.test", i%100, i/100) }
	for d := range n / 100 {
		builder.AddDomain(store.Domain{ID: uint32(d + 1), Name: fmt.Sprintf("d%d.bench.test", d), Type: store.LocalDomain, Enabled: true})
	}
	for i := range n {
		id, a := uint32(i+1), address(i)
		builder.AddAccount(store.Account{ID: id, Username: a, Email: a, Active: true})
		builder.AddMailbox(store.Mailbox{ID: id, Local: fmt.Sprintf("user%d", i%100), DomainID: uint32(i/100 + 1), AccountID: id, Quota: 1000})
		builder.AddQuotaUsage(store.QuotaUsage{Username: a, Bytes: 5 << 20})
		builder.AddAlias(store.Alias{ID: id, Address: a, DomainID: uint32(i/100 + 1), Enabled: true, Internal: true})
		builder.AddRecipient(store.Recipient{ID: id, Address: a, AliasID: id, MailboxID: id})
	}
	h := newHost(b, defaults(b))
	h.data.(*data).snap = builder.Build(time.Now())
	h.usage = usage.New(noJournal{}, time.Now)
	s := defaults(b)
	s.Accounts = []sendlimit.Limit{{Unit: sendlimit.Recipients, Max: 1 << 40}, {Unit: sendlimit.Messages, Max: 1 << 40, Window: sendlimit.Window(time.Hour)}}
	s.Domains = []sendlimit.Limit{{Unit: sendlimit.Recipients, Max: 1 << 40}}
	h.SetSettings(s)
	for name, ask := range map[string]func(a []byte) *policy.Request{
		"recipient": func(a []byte) *policy.Request { return &policy.Request{State: policy.Rcpt, Recipient: a} },
		"look": func(a []byte) *policy.Request {
			return &policy.Request{State: policy.Rcpt, Recipient: []byte("x@far.test"), SASLUsername: a}
		},
		"count": func(a []byte) *policy.Request {
			return &policy.Request{State: policy.EndOfMessage, RecipientCount: 3, SASLUsername: a, Instance: a}
		},
	} {
		requests := make([]*policy.Request, 20_000)
		for i := range requests {
			requests[i] = ask([]byte(address(i * 7919 % n)))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				h.Decide(context.Background(), requests[i%len(requests)])
			}
		})
	}
}

package doctor

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/store"
)

// BenchmarkData looks at a million mailboxes and half as many aliases.
func BenchmarkData(b *testing.B) {
	const domains, boxes = 2000, 500
	w := newWorld()
	for d := range domains {
		name := fmt.Sprintf("domain%d.test", d)
		w.domain(name, func(d *store.Domain) { d.Quota = 1 << 30 })
		for i := range boxes {
			address := fmt.Sprintf("user%d@%s", i, name)
			w.box(address, func(b *boxRows) {
				b.mailbox.Quota = 100
				b.account.Password = strings.Replace(dear, "irS2", fmt.Sprintf("%04x", i), 1) // no two in a row are the same
			})
			w.AddQuotaUsage(store.QuotaUsage{Username: address, Bytes: 1 << 20, Messages: 10})
			if i%2 == 0 {
				w.alias(fmt.Sprintf("alias%d@%s", i, name), address, fmt.Sprintf("user%d@%s", (i+1)%boxes, name))
			}
		}
	}
	s := w.build()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(b.Context(), Input{Snapshot: s, Now: now(), Lookup: options(), DefaultScheme: "CRYPT"}); err != nil {
			b.Fatal(err)
		}
	}
}

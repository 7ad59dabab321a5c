package keybook

import (
	"context"
	"sync"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keyring"
)

// Checked is a key and what DNS says about it.
type Checked struct {
	Row
	DNS *dnscheck.Result `json:"dns"` // null: the key itself is not known
}

// CheckAll checks keys whose record must be in DNS, many at the same time, and
// gives the results in their order.
func (b *Book) CheckAll(ctx context.Context, rows []Row) []Checked {
	all := []Checked{}
	for _, r := range rows {
		if r.Stage != string(keyring.Gone) {
			all = append(all, Checked{Row: r})
		}
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32)
	for i := range all {
		c := &all[i]
		if c.Public == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.DNS = b.Ask(ctx, &c.Row)
		})
	}
	wg.Wait()
	return all
}

// Ask asks DNS about a key that is known.
func (b *Book) Ask(ctx context.Context, r *Row) *dnscheck.Result {
	result := b.Check(ctx, r.domain(), r.Selector, r.Public)
	return &result
}

// AnswerOf says whether a result lets a key sign. One that nobody could give
// says nothing.
func AnswerOf(r dnscheck.Result) keyring.Answer {
	switch {
	case r.Code == dnscheck.Temp:
		return keyring.Unknown
	case r.Works:
		return keyring.Yes
	}
	return keyring.No
}

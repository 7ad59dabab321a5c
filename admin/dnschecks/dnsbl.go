package dnschecks

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Reversed writes an address as block lists want it in front of their name
// (RFC 5782 2.1, 2.4): the octets of IPv4, the nibbles of IPv6, the last first.
func Reversed(a netip.Addr) string {
	var parts []string
	if a = a.Unmap(); a.Is4() {
		for _, b := range a.As4() {
			parts = append(parts, strconv.Itoa(int(b)))
		}
	} else {
		for _, b := range a.As16() {
			parts = append(parts, strconv.FormatUint(uint64(b>>4), 16), strconv.FormatUint(uint64(b&15), 16))
		}
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}

// dnsbl asks the block lists about the addresses of all MX hosts. vague says
// that there may be more addresses than are known.
func (r *run) dnsbl(ctx context.Context, res *Result, vague bool) []Listing {
	listings := []Listing{}
	var addresses []netip.Addr
	for _, h := range r.hosts {
		if public(h.Address) && !slices.Contains(addresses, h.Address) {
			addresses = append(addresses, h.Address)
		}
	}
	var wg sync.WaitGroup
	for _, zone := range r.s.Zones {
		for _, a := range addresses {
			listings = append(listings, Listing{Provider: zone, Address: a})
		}
	}
	for i := range listings {
		wg.Go(func() { r.c.lists.ask(ctx, r, &listings[i]) })
	}
	wg.Wait()
	r.judgeListings(res, listings, vague)
	return listings
}

func (r *run) judgeListings(res *Result, listings []Listing, vague bool) {
	clean := 0
	for _, l := range listings {
		switch l.State {
		case Critical:
			why := ""
			if l.Text != "" {
				why = ": " + l.Text
			}
			res.add(Critical, CodeListed, "find out why (a hijacked account, an open relay), stop it, and then ask "+l.Provider+" to remove the address",
				fmt.Sprintf("%s lists %s (%s)%s", l.Provider, l.Address, l.Answer, why))
		case Unknown:
			res.add(Unknown, "no_answer", "use a resolver of your own instead of a public one, or take the list out of dns.dnsbl", fmt.Sprintf("%s says nothing about %s: %s", l.Provider, l.Address, l.Text))
		case OK:
			clean++
		}
	}
	switch {
	case vague:
		res.add(Unknown, "no_answer", "", "not all addresses of the MX hosts are known")
	case len(listings) == 0:
		res.State = Off
		res.add(Off, "nothing_to_ask", "", "there is no public address to ask block lists about")
		return
	}
	res.Value = fmt.Sprintf("%d of %d questions: not listed", clean, len(listings))
	res.TTL = seconds(listsFor)
}

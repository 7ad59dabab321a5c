package dnschecks

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/vmapd/vmapd/internal/resolve"
)

// How long it is remembered what a list says of an address, and that a list
// works. Lists count questions, and many domains share their addresses.
const (
	listsFor   = 4 * time.Hour
	zoneFor    = time.Hour
	unknownFor = 5 * time.Minute
)

// maxKnown is how many answers are remembered.
const maxKnown = 1 << 16

// lists are the block lists, with what is remembered of them.
type lists struct {
	now func() time.Time

	mu    sync.Mutex
	zones map[string]*zone // by client and name
	known map[question]answered
}

// question is one about an address to a list.
type question struct {
	server, provider string
	address          netip.Addr
}

type answered struct {
	listing Listing
	until   time.Time
}

// zone is a list, and whether it works for each family.
type zone struct {
	mu    sync.Mutex // held while it is tested, so that one does it for all
	four  trust
	six   trust
	until time.Time
}

// trust is whether a list can be believed about a family.
type trust struct {
	works bool
	off   bool   // it has no addresses of that family
	why   string // it does not work
}

// ask asks a list about an address.
func (l *lists) ask(ctx context.Context, r *run, listing *Listing) {
	q := question{r.server, listing.Provider, listing.Address}
	if !r.fresh {
		if known, ok := l.get(q); ok {
			*listing = known
			return
		}
	}
	switch t := l.trusts(ctx, r, listing.Provider, listing.Address.Unmap().Is4()); {
	case t.off:
		listing.State, listing.Text = Off, "the list has no addresses of IPv6"
	case !t.works:
		listing.State, listing.Text = Unknown, t.why
	default:
		listing.State, listing.Answer, listing.Text = r.listed(ctx, Reversed(listing.Address)+"."+listing.Provider)
		if listing.State == Critical {
			listing.Text = r.reason(ctx, Reversed(listing.Address)+"."+listing.Provider)
		}
	}
	l.put(q, *listing)
}

func (l *lists) get(q question) (Listing, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.known[q]
	return known.listing, ok && known.until.After(l.now())
}

func (l *lists) put(q question, listing Listing) {
	if listing.State == Unknown {
		return // it is asked again
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if len(l.known) >= maxKnown {
		for k, v := range l.known {
			if !v.until.After(now) || len(l.known) >= maxKnown {
				delete(l.known, k)
			}
		}
	}
	l.known[q] = answered{listing, now.Add(listsFor)}
}

// trusts tests a list: the address 127.0.0.2 must be listed and 127.0.0.1 must
// not, for IPv6 ::ffff:7f00:2 and ::ffff:7f00:1 (RFC 5782 5).
func (l *lists) trusts(ctx context.Context, r *run, provider string, four bool) trust {
	l.mu.Lock()
	name := r.server + " " + provider
	z := l.zones[name]
	if z == nil {
		z = &zone{}
		l.zones[name] = z
	}
	l.mu.Unlock()
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.until.IsZero() || !z.until.After(l.now()) {
		z.four = r.test(ctx, "2.0.0.127."+provider, "1.0.0.127."+provider)
		z.six = r.test(ctx, nibbles(2)+provider, nibbles(1)+provider)
		z.until = l.now().Add(zoneFor)
		if z.four.why != "" && !z.four.off {
			z.until = l.now().Add(unknownFor)
		}
	}
	return z.of(four)
}

// of tells whether the list can be believed about a family. One that has no
// addresses of IPv4 is no list.
func (z *zone) of(four bool) trust {
	switch {
	case z.four.off && (four || z.six.off):
		return trust{why: "the list does not list the address that all lists must (RFC 5782): it is dead, or does not answer this resolver"}
	case four || z.six.off && !z.four.works:
		return z.four
	}
	return z.six
}

// nibbles writes ::ffff:7f00:n as lists want it, with the dot at its end. As an
// address it would be one of IPv4.
func nibbles(n byte) string {
	return fmt.Sprintf("%d.0.0.0.0.0.f.7.f.f.f.f.", n) + strings.Repeat("0.", 20)
}

// test asks for the two addresses by which a list shows that it works.
func (r *run) test(ctx context.Context, must, mustNot string) trust {
	state, _, why := r.listed(ctx, must)
	switch state {
	case Unknown:
		return trust{why: why}
	case OK:
		return trust{off: true}
	}
	switch state, _, why := r.listed(ctx, mustNot); state {
	case Critical:
		return trust{why: "the list lists every address, also the one that none may (RFC 5782)"}
	case Unknown:
		return trust{why: why}
	}
	return trust{works: true}
}

// listed asks whether a name of a list exists, and judges the answer.
func (r *run) listed(ctx context.Context, name string) (s State, answer, why string) {
	a, err := r.ask(ctx, name, "A")
	switch {
	case err != nil:
		return Unknown, "", err.Error()
	case len(a.Records) == 0:
		return OK, "", ""
	}
	for _, text := range a.Records {
		if why := meaningless(text); why != "" {
			return Unknown, text, why
		}
	}
	return Critical, a.Records[0], ""
}

// meaningless says why an answer of a list says nothing of an address.
func meaningless(answer string) string {
	addr, err := netip.ParseAddr(answer)
	switch {
	case err != nil || !addr.Is4() || !addr.IsLoopback():
		return "it answers " + answer + ", which no list may: the name has another owner, or the resolver invents answers"
	case addr.As4() == [4]byte{127, 0, 0, 1}:
		return "it answers 127.0.0.1: it refuses the question"
	}
	if b := addr.As4(); b[1] == 255 && b[2] == 255 {
		switch b[3] {
		case 252:
			return "it answers " + answer + ": the name of the list is misspelled"
		case 254:
			return "it answers " + answer + ": it does not answer public resolvers"
		case 255:
			return "it answers " + answer + ": too many questions"
		}
		return "it answers " + answer + ": it refuses the question"
	}
	return ""
}

// reason asks a list why it lists an address; "" if it does not say.
func (r *run) reason(ctx context.Context, name string) string {
	a, err := r.ask(ctx, name, "TXT")
	if err != nil || len(a.Records) == 0 {
		return ""
	}
	text := resolve.Printable(a.Records[0])
	return text[:min(len(text), 200)]
}

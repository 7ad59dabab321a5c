package dnschecks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/admin/dnschecks/record"
	"github.com/vmapd/vmapd/internal/resolve"
)

// The limits of RFC 7208 4.6.4.
const (
	maxLookups = 10
	maxVoids   = 2
	maxMX      = 10
)

// stopCounting is where it does not matter any more how many look-ups there are.
const stopCounting = 40

// walk follows an SPF record, either counting all that it needs, or evaluating
// it for one address.
type walk struct {
	*run
	lookups, voids int
	void           []string // the names behind voids
	wrong          error    // a *permError, the first
	unsure         error    // DNS could not say
}

// permError is what makes verifiers take nothing of a record.
type permError struct{ text string }

func (e *permError) Error() string { return e.text }

func permanent(format string, args ...any) error {
	return &permError{fmt.Errorf(format, args...).Error()}
}

// record asks for the one SPF record of a domain.
func (w *walk) record(ctx context.Context, domain string) (*record.SPF, error) {
	a, err := w.look(ctx, domain, "TXT")
	if err != nil {
		return nil, err
	}
	found := pick(a, record.IsSPF)
	if len(found) != 1 {
		return nil, permanent("%s has %d SPF records, and must have one", domain, len(found))
	}
	s, err := record.ParseSPF(found[0])
	if err != nil {
		return nil, permanent("the record of %s: %w", domain, err)
	}
	return s, nil
}

// look asks, and turns a name that DNS cannot hold into an absence.
func (w *walk) look(ctx context.Context, name, kind string) (*resolve.Answer, error) {
	a, err := w.ask(ctx, name, kind)
	var odd *nameError
	if errors.As(err, &odd) {
		return &resolve.Answer{Rcode: "NXDOMAIN"}, nil
	}
	return a, err
}

// empty counts an answer without records.
func (w *walk) empty(name string, a *resolve.Answer) {
	if len(a.Records) == 0 {
		w.voids++
		w.void = append(w.void, resolve.Printable(name))
	}
}

// count counts the look-ups of all terms of a record, as a verifier makes them
// whom none of them matches. chain are the domains that led here.
func (w *walk) count(ctx context.Context, domain string, s *record.SPF, chain []string) {
	chain = append(slices.Clone(chain), domain)
	ends := false
	for _, t := range s.Terms {
		if t.Kind == "all" {
			ends = true
			break
		}
		w.countTerm(ctx, domain, t, chain)
	}
	if !ends && s.Redirect != "" {
		w.into(ctx, s.Redirect, chain)
	}
}

func (w *walk) countTerm(ctx context.Context, domain string, t record.Term, chain []string) {
	name := t.Domain
	if name == "" {
		name = domain
	}
	switch t.Kind {
	case "include":
		w.into(ctx, name, chain)
	case "a", "mx":
		w.lookups++
		if strings.Contains(name, "%") {
			return
		}
		kinds := []string{"MX"}
		if t.Kind == "a" {
			kinds = []string{"A", "AAAA"}
		}
		w.probe(ctx, name, kinds)
	case "exists", "ptr":
		w.lookups++
	}
}

// probe sees whether a name has records of any of the types.
func (w *walk) probe(ctx context.Context, name string, kinds []string) {
	for _, kind := range kinds {
		a, err := w.look(ctx, name, kind)
		if err != nil {
			w.doubt(err)
			return
		}
		if len(a.Records) > 0 {
			if kind == "MX" && len(a.Records) > maxMX {
				w.fault(permanent("%s has %d MX records: verifiers look at %d at most", name, len(a.Records), maxMX))
			}
			return
		}
	}
	w.empty(name, &resolve.Answer{})
}

// into follows include and redirect=.
func (w *walk) into(ctx context.Context, name string, chain []string) {
	w.lookups++
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	switch {
	case w.lookups > stopCounting || strings.Contains(name, "%"): // macros are known only for a message
		return
	case slices.Contains(chain, name):
		w.fault(permanent("the record includes itself: %s", strings.Join(append(chain, name), " -> ")))
		return
	}
	s, err := w.record(ctx, name)
	var perm *permError
	switch {
	case errors.As(err, &perm):
		w.fault(err)
	case err != nil:
		w.doubt(err)
	default:
		w.count(ctx, name, s, chain)
	}
}

func (w *walk) fault(err error) {
	if w.wrong == nil {
		w.wrong = err
	}
}

func (w *walk) doubt(err error) {
	if w.unsure == nil {
		w.unsure = err
	}
}

// evaluate is check_host() (RFC 7208 4.6): what the record of a domain says of a
// client. An error is a *permError, or that DNS could not say.
func (w *walk) evaluate(ctx context.Context, q record.Query, domain string) (verdict byte, err error) {
	s, err := w.record(ctx, domain)
	if err != nil {
		return 0, err
	}
	for _, t := range s.Terms {
		matched, err := w.matches(ctx, q, domain, t)
		if err != nil {
			return 0, err
		}
		if matched {
			return t.Qualifier, nil
		}
	}
	if s.Redirect == "" {
		return '?', nil
	}
	name, err := w.expand(q, s.Redirect, domain)
	if err == nil {
		err = w.spend()
	}
	if err != nil {
		return 0, err
	}
	return w.evaluate(ctx, q, name)
}

// spend takes one of the look-ups that a verifier makes.
func (w *walk) spend() error {
	if w.lookups++; w.lookups > maxLookups {
		return permanent("more than %d look-ups", maxLookups)
	}
	return nil
}

func (w *walk) expand(q record.Query, spec, domain string) (string, error) {
	if spec == "" {
		return domain, nil
	}
	name, err := q.Expand(spec, domain)
	if err != nil {
		return "", permanent("%w", err)
	}
	return name, nil
}

// matches reports whether a mechanism matches the client.
func (w *walk) matches(ctx context.Context, q record.Query, domain string, t record.Term) (bool, error) {
	switch t.Kind {
	case "all":
		return true, nil
	case "ip4", "ip6":
		return t.Network.Contains(q.Address.Unmap()), nil
	}
	name, err := w.expand(q, t.Domain, domain)
	if err == nil {
		err = w.spend()
	}
	if err != nil {
		return false, err
	}
	switch t.Kind {
	case "include":
		verdict, err := w.evaluate(ctx, q, name)
		return verdict == '+', err
	case "exists":
		a, err := w.look(ctx, name, "A")
		return err == nil && len(a.Records) > 0, err
	case "a":
		return w.hostMatches(ctx, q, name, t)
	case "mx":
		a, err := w.look(ctx, name, "MX")
		if err != nil {
			return false, err
		}
		for _, m := range parseMX(a.Records) {
			if ok, err := w.hostMatches(ctx, q, m.name, t); ok || err != nil {
				return ok, err
			}
		}
		return false, nil
	}
	return w.ptrMatches(ctx, q, name)
}

// hostMatches reports whether an address of a host is, in as many bits as the
// term says, the client's.
func (w *walk) hostMatches(ctx context.Context, q record.Query, host string, t record.Term) (bool, error) {
	kind, bits := "A", t.Bits4
	if !q.Address.Unmap().Is4() {
		kind, bits = "AAAA", t.Bits6
	}
	a, err := w.look(ctx, host, kind)
	if err != nil {
		return false, err
	}
	for _, text := range a.Records {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		if p, err := addr.Prefix(bits); err == nil && p.Contains(q.Address.Unmap()) {
			return true, nil
		}
	}
	return false, nil
}

// ptrMatches reports whether the client has a name below a domain that leads
// back to it.
func (w *walk) ptrMatches(ctx context.Context, q record.Query, domain string) (bool, error) {
	zone := ".ip6.arpa"
	if q.Address.Unmap().Is4() {
		zone = ".in-addr.arpa"
	}
	a, err := w.look(ctx, Reversed(q.Address)+zone, "PTR")
	if err != nil {
		return false, nil //nolint:nilerr // an error here is no match (RFC 7208 5.5)
	}
	exact := record.Term{Bits4: 32, Bits6: 128}
	for _, name := range a.Records[:min(len(a.Records), maxMX)] {
		if name != domain && !strings.HasSuffix(name, "."+domain) {
			continue
		}
		if ok, err := w.hostMatches(ctx, q, name, exact); err == nil && ok {
			return true, nil
		}
	}
	return false, nil
}

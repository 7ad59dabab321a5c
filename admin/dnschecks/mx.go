package dnschecks

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/internal/resolve"
)

// Codes of findings that alarms are made of.
const (
	CodeNoMX      = "no_mx"      // mail finds no way here
	CodeInvalidMX = "invalid_mx" // it finds another way than ours
	CodeListed    = "listed"     // an address is on a block list
)

// target is what one MX record names.
type target struct {
	name       string
	preference int

	addresses []netip.Addr
	alias     string // the end of a CNAME
	none      bool   // it has no address
	err       error  // DNS could not say
	ttl       time.Duration
}

// mx looks where mail for the domain goes.
func (r *run) mx(ctx context.Context, report *Report) Result {
	res := Result{Kind: MX, Name: r.domain}
	a, err := r.ask(ctx, r.domain, "MX")
	if err != nil {
		res.unknown(err)
		report.Vague = []string{"*"}
		return res
	}
	res.TTL, res.Value = seconds(a.TTL), strings.Join(slices.Sorted(slices.Values(a.Records)), "\n")
	targets := parseMX(a.Records)
	switch {
	case a.Rcode == "NXDOMAIN":
		res.add(Critical, CodeNoMX, "register the domain, or delete it here", "the domain does not exist in DNS")
	case len(targets) == 0:
		r.noMX(ctx, &res)
	case slices.ContainsFunc(targets, func(t *target) bool { return t.name == "." }):
		r.nullMX(&res, len(targets))
	default:
		r.resolve(ctx, targets)
		r.judgeTargets(&res, targets, report)
	}
	return res
}

// parseMX reads the texts of MX records, in order of preference.
func parseMX(records []string) []*target {
	var all []*target
	for _, text := range records {
		preference, name, _ := strings.Cut(text, " ")
		n, _ := strconv.Atoi(preference)
		all = append(all, &target{name: name, preference: n})
	}
	slices.SortFunc(all, func(a, b *target) int {
		if a.preference != b.preference {
			return a.preference - b.preference
		}
		return strings.Compare(a.name, b.name)
	})
	return all
}

// noMX tells what senders do without an MX: they take the domain's own address
// (RFC 5321 5.1).
func (r *run) noMX(ctx context.Context, res *Result) {
	text := "the domain has no MX record"
	if found, _ := r.addresses(ctx, r.domain); len(found.addresses) > 0 {
		text += ": senders try the address of the domain itself, " + joinAddrs(found.addresses)
	}
	res.add(Critical, CodeNoMX, "publish an MX record that names this host", text)
	res.Record = r.mxRecord()
}

func (r *run) nullMX(res *Result, n int) {
	if n > 1 {
		res.add(Critical, CodeNoMX, `remove the MX record "."`, "the domain has the null MX, which says that it takes no mail, beside others (RFC 7505)")
		return
	}
	res.add(Critical, CodeNoMX, "publish an MX record that names this host, or delete the domain here", "the domain says by a null MX that it takes no mail (RFC 7505)")
	res.Record = r.mxRecord()
}

// mxRecord is what to publish, nil if this host's name is not known.
func (r *run) mxRecord() *dnscheck.Publication {
	if r.s.Host == "" {
		return nil
	}
	return publication(r.domain, "MX", "10 "+r.s.Host+".")
}

// resolve asks for the addresses of all targets.
func (r *run) resolve(ctx context.Context, targets []*target) {
	var wg sync.WaitGroup
	for _, t := range targets {
		if _, err := netip.ParseAddr(t.name); err == nil {
			t.none = true
			continue
		}
		wg.Go(func() {
			found, err := r.addresses(ctx, t.name)
			found.name, found.preference, found.err = t.name, t.preference, err
			*t = found
		})
	}
	wg.Wait()
}

// addresses asks for the addresses of a host. An error means that there may be
// more than were found.
func (r *run) addresses(ctx context.Context, name string) (t target, err error) {
	kinds := []string{"A"}
	if r.s.IPv6 {
		kinds = append(kinds, "AAAA")
	}
	t.ttl = time.Hour
	for _, kind := range kinds {
		a, err2 := r.ask(ctx, name, kind)
		var wrong *nameError
		if errors.As(err2, &wrong) {
			return target{none: true}, nil
		}
		if err2 != nil {
			err = err2
			continue
		}
		if n := len(a.CNAME); n > 0 {
			t.alias = a.CNAME[n-1]
		}
		for _, text := range a.Records {
			if addr, err := netip.ParseAddr(text); err == nil {
				t.addresses = append(t.addresses, addr)
			}
			t.ttl = min(t.ttl, a.TTL)
		}
	}
	t.none = err == nil && len(t.addresses) == 0
	return t, err
}

// judgeTargets judges the targets and lists their addresses.
func (r *run) judgeTargets(res *Result, targets []*target, report *Report) {
	reachable, vague := 0, 0
	for _, t := range targets {
		r.judgeTarget(res, t)
		for _, a := range t.addresses {
			report.Hosts = append(report.Hosts, Host{t.name, t.preference, a, r.s.own(a)})
			reachable++
		}
		if t.err != nil {
			report.Vague = append(report.Vague, t.name)
			vague++
		}
		if len(t.addresses) > 0 {
			res.TTL = min(res.TTL, seconds(t.ttl))
		}
	}
	if reachable == 0 && vague == 0 {
		res.add(Critical, CodeNoMX, "give the host that the MX record names an address, or name another host", "no MX record leads to an address")
		res.Record = r.mxRecord()
		return
	}
	managed := slices.ContainsFunc(report.Hosts, func(h Host) bool { return h.Managed })
	switch {
	case len(r.s.Own) == 0 || managed:
	case vague > 0:
		res.add(Unknown, "no_answer", "see whether the DNS servers are up and can be reached", "it cannot be said whether an MX record leads to one of our own networks")
	default:
		res.add(Critical, CodeInvalidMX, "let an MX record name this host; or add its network to valid_mxs (dns.networks)", "no MX record leads to one of our own networks: "+joinHosts(report.Hosts))
		res.Record = r.mxRecord()
	}
}

func (r *run) judgeTarget(res *Result, t *target) {
	if _, err := netip.ParseAddr(t.name); err == nil {
		res.add(Critical, "mx_address", "name a host in the MX record, and give that host the address", "the MX record holds the address "+t.name+" where the name of a host belongs (RFC 5321 5.1)")
		return
	}
	switch {
	case t.err != nil:
		res.add(Unknown, "no_answer", "see whether the DNS servers are up and can be reached", fmt.Sprintf("no definite answer about %s: %v", t.name, t.err))
	case t.none:
		res.add(Warning, "mx_unresolvable", "give the host an address, or remove the MX record", "the host "+t.name+" has no address")
	}
	if t.alias != "" {
		res.add(Warning, "mx_cname", "let the MX record name "+resolve.Printable(t.alias), "the host "+t.name+" is a CNAME, which no MX record may name (RFC 2181 10.3)")
	}
	for _, a := range t.addresses {
		if !public(a) && !r.s.own(a) {
			res.add(Warning, "mx_private", "give the host a public address", "the host "+t.name+" has the address "+a.String()+", which cannot be reached from elsewhere")
		}
	}
}

func joinAddrs(all []netip.Addr) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}

func joinHosts(all []Host) string {
	var texts []string
	for _, h := range all {
		texts = append(texts, h.Name+" "+h.Address.String())
	}
	return strings.Join(texts, ", ")
}

func seconds(d time.Duration) int { return int(d / time.Second) }

// publication is a record to publish that is no TXT record.
func publication(name, kind, value string) *dnscheck.Publication {
	return &dnscheck.Publication{Name: name, Type: kind, Value: value, Strings: []string{value}, Zone: name + ". IN " + kind + " " + value, Line: name + " " + kind + " " + value}
}

// text is a TXT record to publish.
func text(name, value string) *dnscheck.Publication {
	p := dnscheck.Publish(name, value)
	return &p
}

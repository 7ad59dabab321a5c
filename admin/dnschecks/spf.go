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

// spf checks the SPF record with all that it includes.
func (r *run) spf(ctx context.Context, res *Result) {
	res.Name = r.domain
	a, err := r.ask(ctx, r.domain, "TXT")
	if err != nil {
		res.unknown(err)
		return
	}
	res.TTL = seconds(a.TTL)
	found := pick(a, record.IsSPF)
	res.Value = strings.Join(found, "\n")
	switch {
	case len(found) == 0:
		res.add(Critical, "missing", "publish the record", "there is no SPF record")
		res.Record = text(r.domain, "v=spf1 mx -all")
		return
	case len(found) > 1:
		res.add(Critical, "multiple", "leave one record with all mechanisms and remove the others", fmt.Sprintf("there are %d SPF records: verifiers take none of them", len(found)))
		return
	}
	s, err := record.ParseSPF(found[0])
	if err != nil {
		res.add(Critical, "syntax", "correct the record: verifiers take none of it", err.Error())
		return
	}
	res.judgeSPF(s)
	w := &walk{run: r}
	w.count(ctx, r.domain, s, nil)
	res.Lookups = w.lookups
	w.judge(res)
	if w.wrong == nil {
		r.senders(ctx, res)
	}
}

// pick chooses records by how they begin.
func pick(a *resolve.Answer, is func(string) bool) []string {
	var found []string
	for _, text := range a.Records {
		if is(text) {
			found = append(found, text)
		}
	}
	slices.Sort(found)
	return found
}

// judgeSPF tells what is doubtful about a record by itself.
func (res *Result) judgeSPF(s *record.SPF) {
	all := slices.IndexFunc(s.Terms, func(t record.Term) bool { return t.Kind == "all" })
	for _, name := range s.Unknown {
		if slices.Contains([]string{"all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"}, name) {
			res.add(Critical, "equals", "write "+name+": instead of "+name+"=", name+"= has an equals sign where a colon belongs: verifiers ignore it")
		}
	}
	switch {
	case all < 0 && s.Redirect == "":
		res.add(Warning, "no_all", "add -all or ~all at the end", "the record does not end in all: it says nothing about other addresses")
	case all < 0:
	case s.Terms[all].Qualifier == '+':
		res.add(Warning, "all_pass", "end the record in -all or ~all", "the record lets everyone send in the name of the domain (+all)")
	case s.Terms[all].Qualifier == '?':
		res.add(Warning, "all_neutral", "end the record in -all or ~all", "the record says nothing about other addresses (?all)")
	}
	if all >= 0 && all < len(s.Terms)-1 {
		res.add(Warning, "after_all", "move all to the end", "what stands after all is never looked at: "+s.Terms[all+1].Text)
	}
	if all >= 0 && s.Redirect != "" {
		res.add(Warning, "redirect_all", "remove redirect= or all", "redirect= is never looked at, because there is all")
	}
	if slices.ContainsFunc(s.Terms, func(t record.Term) bool { return t.Kind == "ptr" }) {
		res.add(Warning, "ptr", "name the addresses instead of ptr", "the mechanism ptr should not be used (RFC 7208 5.5)")
	}
}

// judge tells what a verifier stumbles over when it follows the record.
func (w *walk) judge(res *Result) {
	switch {
	case w.wrong != nil:
		res.add(Critical, "include", "correct what is included, or remove it", w.wrong.Error())
	case w.lookups > maxLookups:
		res.add(Critical, "lookups", "replace names by addresses (ip4:, ip6:), or leave out what is not needed", fmt.Sprintf("the record needs %d look-ups: verifiers make %d at most and then take none of it", w.lookups, maxLookups))
	case w.unsure != nil:
		res.unknown(w.unsure)
	}
	if w.voids > maxVoids {
		res.add(Warning, "void_lookups", "remove the mechanisms whose names do not exist: "+strings.Join(w.void, ", "),
			fmt.Sprintf("%d look-ups find nothing: verifiers may take %d at most", w.voids, maxVoids))
	}
}

// senders evaluates the record for the addresses from which mail leaves.
func (r *run) senders(ctx context.Context, res *Result) {
	addresses, known := r.s.Senders, true
	if len(addresses) == 0 {
		known = false
		for _, h := range r.hosts {
			if (h.Managed || len(r.s.Own) == 0) && !slices.Contains(addresses, h.Address) {
				addresses = append(addresses, h.Address)
			}
		}
	}
	for _, a := range addresses {
		r.sender(ctx, res, a, known)
	}
}

// sender evaluates it for one address. That an MX host may not send is only
// suspicious: others may do it.
func (r *run) sender(ctx context.Context, res *Result, a netip.Addr, known bool) {
	w := &walk{run: r}
	q := record.Query{Address: a, Sender: "postmaster@" + r.domain, Helo: r.domain}
	verdict, err := w.evaluate(ctx, q, r.domain)
	var perm *permError
	switch {
	case errors.As(err, &perm): // told before
	case err != nil:
		res.unknown(err)
	case verdict == '+':
	case known:
		state := Critical
		if verdict == '?' {
			state = Warning
		}
		res.add(state, "sender_fails", "add "+mechanism(a)+" to the record", "mail leaves from "+a.String()+", and the record answers "+verdicts(verdict))
	default:
		res.add(Warning, "mx_fails", "add "+mechanism(a)+" or mx to the record if mail leaves from there; else name the addresses from which it does in dns.senders",
			"the MX address "+a.String()+" gets the answer "+verdicts(verdict))
	}
}

func mechanism(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "ip4:" + a.Unmap().String()
	}
	return "ip6:" + a.String()
}

// verdicts are what the qualifiers mean (RFC 7208 4.6.2).
func verdicts(q byte) string {
	return map[byte]string{'+': "pass", '-': "fail", '~': "softfail", '?': "neutral"}[q]
}

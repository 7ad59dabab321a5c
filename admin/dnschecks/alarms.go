package dnschecks

import (
	"slices"
	"strings"
)

// Alarms is told of what is wrong, as often as it is seen, and when it is well.
// subject is the domain.
type Alarms interface {
	Open(kind, subject, title, detail string)
	Close(kind, subject string)
}

// The kinds of alarms are as Modoboa names them.
const (
	AlarmNoMX      = "domain_has_no_mx"
	AlarmInvalidMX = "domain_invalid_mx"
	AlarmListed    = "domain_mx_in_dnsbl_" // and the name of the list
)

// call is an alarm that is to be opened, or closed if it has no title.
type call struct{ kind, title, detail string }

// alarms says which alarms are to be opened and closed, and notes in the report
// which are open then. What DNS could not say leaves an alarm as it is. last is
// the report before, which knows of alarms about lists that are not asked any
// more; nil if there is none. quiet closes them all.
func (r *Report) alarms(last *Report, quiet bool) []call {
	if r.Skipped != "" {
		return nil
	}
	mx := r.Result(MX)
	managed := slices.ContainsFunc(r.Hosts, func(h Host) bool { return h.Managed })
	calls := slices.Concat(
		mxAlarm(mx, AlarmNoMX, CodeNoMX, len(r.Hosts) > 0, "The domain "+r.Domain+" has no MX record that leads anywhere"),
		mxAlarm(mx, AlarmInvalidMX, CodeInvalidMX, managed, "The domain "+r.Domain+" has no MX record that leads here"))
	for _, provider := range r.providers(last) {
		calls = append(calls, r.listAlarm(provider)...)
	}
	r.Alarms = []string{}
	if last != nil {
		r.Alarms = slices.Clone(last.Alarms)
	}
	for i, c := range calls {
		if quiet {
			c = call{kind: c.kind}
			calls[i] = c
		}
		r.Alarms = slices.DeleteFunc(r.Alarms, func(kind string) bool { return kind == c.kind })
		if c.title != "" {
			r.Alarms = append(r.Alarms, c.kind)
		}
	}
	return calls
}

// mxAlarm opens the alarm for a finding, and closes it when all is well for
// certain, or the check is not made any more.
func mxAlarm(mx *Result, kind, code string, well bool, title string) []call {
	switch {
	case mx.Is(code):
		return []call{{kind, title, mx.sentences(code)}}
	case well || !mx.Is("no_answer"):
		return []call{{kind: kind}}
	}
	return nil
}

func (res *Result) sentences(code string) string {
	var all []string
	for _, f := range res.Findings {
		if f.Code == code {
			all = append(all, f.Text+". Remedy: "+f.Remedy+".")
		}
	}
	return strings.Join(all, "\n")
}

// providers are the lists that were asked, and those that alarms are open about.
func (r *Report) providers(last *Report) []string {
	var all []string
	for _, l := range r.Listings {
		all = append(all, l.Provider)
	}
	if last != nil {
		for _, kind := range last.Alarms {
			if provider, ok := strings.CutPrefix(kind, AlarmListed); ok {
				all = append(all, provider)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listAlarm opens the alarm about a list, again too if it was closed meanwhile;
// it closes it when no address can be listed.
func (r *Report) listAlarm(provider string) []call {
	var listed []string
	unknown := false
	for _, l := range r.Listings {
		switch {
		case l.Provider != provider:
		case l.State == Critical:
			listed = append(listed, strings.TrimSpace(l.Address.String()+" ("+l.Answer+") "+l.Text))
		case l.State == Unknown:
			unknown = true
		}
	}
	res := r.Result(DNSBL)
	switch {
	case len(listed) > 0:
		return []call{{AlarmListed + provider, "An MX host of " + r.Domain + " is on the block list " + provider, strings.Join(listed, "\n")}}
	case res.Made() && (unknown || len(r.Vague) > 0 && slices.Contains(r.zones, provider)):
		return nil
	}
	return []call{{kind: AlarmListed + provider}}
}

// ring tells the alarms.
func ring(a Alarms, domain string, calls []call) {
	for _, c := range calls {
		if c.title == "" {
			a.Close(c.kind, domain)
		} else {
			a.Open(c.kind, domain, c.title, c.detail)
		}
	}
}

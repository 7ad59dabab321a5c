package doctor

import (
	"slices"
	"strings"
)

func checkPostfixPolicy() Check {
	return Check{
		Name: "postfix-policy", Group: "postfix",
		Text: "Postfix does not ask vmapd's policy service about recipients: limits on what is sent have no effect, full mailboxes bounce. It is no more than good to know if there are no limits, or another policy service is asked.",
		Do:   "Begin smtpd_recipient_restrictions with the line of \"vmapd postconf\", in services of master.cf too.",
		look: withData(ofPostfix((*run).lookPolicy)),
	}
}

func (r *run) lookPolicy(p *Postfix) {
	const param = "smtpd_recipient_restrictions"
	limited := p.Limits || r.limits()
	switch {
	case len(p.Policies) == 0 && !limited, p.asksPolicy(policyAtRcpt()...):
	case len(p.Policies) == 0:
		r.say(p.policyLevel(true), param, "add a [[listen]] section with protocol = \"policy\", then see \"vmapd postconf\"", "accounts or domains have limits on what they send (message_limit), and vmapd has no policy socket: nobody counts")
	default:
		value := strings.TrimSuffix(p.PolicyEntry+", "+strings.Join(listOf(p.Values[param]), ", "), ", ")
		r.say(p.policyLevel(limited), param, edit(param, value), "%s is not asked about recipients: there are no limits on what is sent, and full mailboxes bounce", p.Policies[0])
	}
}

func checkPostfixPolicyEnd() Check {
	return Check{
		Name: "postfix-policy-end", Group: "postfix",
		Text: "There are limits on what is sent, which are counted when a message is complete (policy.count = \"message\"), but Postfix asks at RCPT alone: nothing is counted.",
		Do:   "Set smtpd_end_of_data_restrictions as \"vmapd postconf\" prints it, or policy.count to \"recipient\".",
		look: withData(ofPostfix(func(r *run, p *Postfix) {
			if !p.CountsAtEnd || !p.asksPolicy(policyAtRcpt()...) || p.asksPolicy("smtpd_end_of_data_restrictions", "smtpd_data_restrictions") || !p.Limits && !r.limits() {
				return
			}
			const param = "smtpd_end_of_data_restrictions"
			value := strings.Join(append(listOf(p.Values[param]), p.PolicyEntry), ", ")
			r.say(Warning, param, edit(param, value), "%s is asked at RCPT alone, and counts when a message is complete: limits on what is sent have no effect", p.Policies[0])
		})),
	}
}

// policyAtRcpt are the lists that are gone through at RCPT.
func policyAtRcpt() []string {
	return []string{"smtpd_recipient_restrictions", "smtpd_relay_restrictions", "smtpd_sender_restrictions", "smtpd_client_restrictions", "smtpd_helo_restrictions"}
}

// policyLevel is how bad it is that we are not asked.
func (p *Postfix) policyLevel(limited bool) Level {
	const asks = "check_policy_service"
	for _, param := range append(policyAtRcpt(), "smtpd_end_of_data_restrictions", "smtpd_data_restrictions") {
		limited = limited && !strings.Contains(p.Values[param], asks)
	}
	if limited {
		return Warning
	}
	return Info
}

// asksPolicy reports whether one of some parameters, in main.cf or of a service,
// names a policy socket of ours.
func (p *Postfix) asksPolicy(params ...string) bool {
	ours := func(value string) bool {
		return slices.ContainsFunc(words(value), func(w string) bool {
			return slices.ContainsFunc(p.Policies, func(name string) bool { return p.endpoint(w) == p.endpoint(name) })
		})
	}
	for _, param := range params {
		if ours(p.Values[param]) {
			return true
		}
		for option, value := range p.Overrides {
			if strings.HasSuffix(option, "/"+param) && ours(value) {
				return true
			}
		}
	}
	return false
}

// listOf splits a list of restrictions at commas outside of braces.
func listOf(value string) (list []string) {
	depth, from := 0, 0
	for i, c := range value + "," {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == ',' && depth <= 0:
			if part := strings.TrimSpace(value[from:i]); part != "" {
				list = append(list, part)
			}
			from = i + 1
		}
	}
	return list
}

// limits reports whether somebody has a limit on what he sends.
func (r *run) limits() bool {
	if r.s == nil {
		return false
	}
	for d := range r.s.AllDomains() {
		if d.MessageLimit != 0 {
			return true
		}
	}
	for m := range r.s.Mailboxes() {
		if m.MessageLimit != 0 {
			return true
		}
	}
	return false
}

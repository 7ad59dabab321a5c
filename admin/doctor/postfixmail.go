package doctor

import (
	"path"
	"slices"
	"strings"
)

func checkPostfixMilters() Check {
	return Check{
		Name: "postfix-milter", Group: "postfix",
		Text: "Postfix does not ask vmapd's milter, for mail of clients (smtpd_milters) or of sendmail(1) (non_smtpd_milters): it is not signed.",
		Do:   "Add the milter, after those that change mail.",
		look: withData(ofPostfix((*run).lookMilters)),
	}
}

func (r *run) lookMilters(p *Postfix) {
	if len(p.Milters) == 0 {
		return
	}
	level := Warning
	if r.s != nil && !r.signs() {
		level = Info // nothing is to be signed
	}
	for _, param := range []string{"smtpd_milters", "non_smtpd_milters"} {
		if p.asksMilter(p.Values[param]) || param == "smtpd_milters" && p.milterInServices() {
			continue
		}
		l, whose := level, "of clients"
		if param == "non_smtpd_milters" {
			l, whose = Info, "of sendmail(1)"
		}
		value := strings.Join(append(words(p.Values[param]), p.Milters[0]), ", ")
		r.say(l, param, edit(param, value), "%s is not among its milters: mail %s is not signed by vmapd", p.Milters[0], whose)
	}
}

func (r *run) signs() bool {
	for range r.s.SigningDomains() {
		return true
	}
	for range r.s.AllSigningKeys() {
		return true
	}
	return false
}

func (p *Postfix) asksMilter(value string) bool {
	return slices.ContainsFunc(words(value), func(w string) bool {
		return slices.ContainsFunc(p.Milters, func(m string) bool { return p.endpoint(w) == p.endpoint(m) })
	})
}

func (p *Postfix) milterInServices() bool {
	for option, value := range p.Overrides {
		if strings.HasSuffix(option, "/smtpd_milters") && p.asksMilter(value) {
			return true
		}
	}
	return false
}

// endpoint brings unix:path and inet:host:port to one form.
func (p *Postfix) endpoint(name string) string {
	if file, ok := strings.CutPrefix(name, "unix:"); ok {
		return "unix:" + p.absolute(file)
	}
	return strings.Replace(name, "inet:localhost:", "inet:127.0.0.1:", 1)
}

func checkPostfixSASL() Check {
	return Check{
		Name: "postfix-sasl", Group: "postfix",
		Text: "vmapd has a socket for logins by SMTP below the queue directory, but Postfix asks another one. That may be meant: Dovecot's own, with --auth dict.",
		Do:   "Set smtpd_sasl_path to vmapd's socket, or remove the [[listen]] section.",
		look: ofPostfix(func(r *run, p *Postfix) {
			if p.SASL == "" || !p.below(p.SASL) || !p.authenticates() {
				return
			}
			if got := p.Values["smtpd_sasl_path"]; p.Values["smtpd_sasl_type"] != "dovecot" || p.absolute(got) != p.SASL {
				want := strings.TrimPrefix(p.SASL, path.Clean(p.Values["queue_directory"])+"/")
				r.say(Info, "smtpd_sasl_path", "postconf -e 'smtpd_sasl_type = dovecot' "+edit("smtpd_sasl_path", want)[len("postconf -e "):], "Postfix asks %s of type %s about logins, not vmapd's socket", got, p.Values["smtpd_sasl_type"])
			}
		}),
	}
}

func (p *Postfix) authenticates() bool {
	if p.Values["smtpd_sasl_auth_enable"] == "yes" {
		return true
	}
	for option, value := range p.Overrides {
		if strings.HasSuffix(option, "/smtpd_sasl_auth_enable") && value == "yes" {
			return true
		}
	}
	return false
}

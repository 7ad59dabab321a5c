package manage

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// domainPlan is what a domain is to become.
type domainPlan struct {
	Domain
	transport *rows.Transport // nil: it has none, or keeps it
	was       *Domain         // nil for a new one
}

// renamed reports whether an existing domain gets another name.
func (p *domainPlan) renamed() bool { return p.was != nil && p.Name != p.was.Name }

// planDomain puts an input over what there is (nil for a new domain) and checks
// the whole: all errors of fields come at once. The messages are Modoboa's.
func (t *Tx) planDomain(was *Domain, in DomainInput) (*domainPlan, error) {
	p := &domainPlan{Domain: Domain{Type: ordinaryDomain, Enabled: true, DKIMSelector: "modoboa", EnableDNSChecks: true}, was: was}
	if was != nil {
		p.Domain = *was
	}
	if was == nil && !in.MessageLimit.Set {
		limit, err := t.defaultMessageLimit()
		if err != nil {
			return nil, err
		}
		p.MessageLimit = limit
	}
	p.Type, p.Enabled = in.Type.Or(p.Type), in.Enabled.Or(p.Enabled)
	p.Quota, p.DefaultMailboxQuota = in.Quota.Or(p.Quota), in.DefaultMailboxQuota.Or(p.DefaultMailboxQuota)
	p.EnableDKIM, p.DKIMSelector, p.DKIMLength = in.EnableDKIM.Or(p.EnableDKIM), in.DKIMSelector.Or(p.DKIMSelector), in.DKIMLength.Or(p.DKIMLength)
	p.MessageLimit, p.EnableDNSChecks = in.MessageLimit.Or(p.MessageLimit), in.EnableDNSChecks.Or(p.EnableDNSChecks)
	f := fields{}
	if err := t.checkDomainName(f, p, in.Name); err != nil {
		return nil, err
	}
	if was == nil || in.Type.Set && in.Type.Value != was.Type {
		if p.Type != ordinaryDomain && p.Type != relayDomain {
			f.add("type", "%q is not a valid choice.", p.Type)
		}
	}
	t.checkKey(f, p, in)
	checkQuotas(f, p, in)
	t.planTransport(f, p, in)
	if err := f.err(); err != nil {
		return nil, err
	}
	if p.Type == relayDomain && (p.transport != nil || p.renamed()) {
		return p, t.freePattern(p.Name, p.Transport)
	}
	return p, nil
}

// defaultMessageLimit is Modoboa's parameter for new domains.
func (t *Tx) defaultMessageLimit() (*int64, error) {
	params, err := t.Parameters()
	if err != nil {
		return nil, err
	}
	if n, ok := params.Optional(parameters.DefaultDomainMessageLimit); ok {
		return &n, nil
	}
	return nil, nil
}

// checkDomainName sets and checks the name of a domain.
func (t *Tx) checkDomainName(f fields, p *domainPlan, in Opt[string]) error {
	if p.was != nil && (!in.Set || store.Fold(strings.TrimSpace(in.Value)) == p.was.Name) {
		return nil
	}
	p.Name = t.checkName(f, "admin_domain", in)
	if len(f["name"]) > 0 {
		return nil
	}
	other, err := t.domainID(p.Name)
	if err != nil {
		return err
	}
	if other != 0 && (p.was == nil || other != p.was.ID) {
		f.add("name", "domain with this name already exists.")
	}
	alias, err := t.domainAliasID(p.Name)
	if alias != 0 {
		f.add("name", "domain alias with this name already exists")
	}
	return err
}

// checkName folds the name of a domain or domain alias and checks its form.
func (t *Tx) checkName(f fields, table string, in Opt[string]) string {
	name := store.Fold(strings.TrimSpace(in.Value))
	switch {
	case !in.Set:
		f.add("name", "This field is required.")
	case name == "":
		f.add("name", "This field may not be blank.")
	case rows.CheckDomain(name) != nil:
		f.add("name", "Enter a valid domain name")
	default:
		t.fits(f, "name", table, "name", name)
	}
	return name
}

// selectorForm is what Modoboa 2.9.1 and the DNS allow.
var selectorForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`)

// checkKey checks what a domain's DKIM key is to be, and the other numbers.
func (t *Tx) checkKey(f fields, p *domainPlan, in DomainInput) {
	switch {
	case !in.DKIMSelector.Set || p.was != nil && p.DKIMSelector == p.was.DKIMSelector:
	case p.DKIMSelector == "":
		f.add("dkim_key_selector", "This field may not be blank.")
	case !selectorForm.MatchString(p.DKIMSelector), t.tables["admin_domain"].Fits("admin_domain", "dkim_key_selector", p.DKIMSelector) != nil:
		f.add("dkim_key_selector", "Enter a valid DKIM selector")
	}
	if n := p.DKIMLength; in.DKIMLength.Set && n != nil && !slices.Contains([]int64{1024, 2048, 4096}, *n) {
		f.add("dkim_key_length", "\"%d\" is not a valid choice.", *n)
	}
	if in.MessageLimit.Set && p.MessageLimit != nil {
		inRange(f, "message_limit", *p.MessageLimit, 0)
	}
}

// checkQuotas checks the quotas of a domain for themselves and together.
func checkQuotas(f fields, p *domainPlan, in DomainInput) {
	fine := inRange(f, "quota", p.Quota, 0)
	if fine = inRange(f, "default_mailbox_quota", p.DefaultMailboxQuota, 0) && fine; !fine {
		return
	}
	if changed := p.was == nil || in.Quota.Set || in.DefaultMailboxQuota.Set; changed && p.Quota != 0 && p.DefaultMailboxQuota > p.Quota {
		f.add("default_mailbox_quota", "Cannot be greater than domain quota")
	}
}

// planTransport says what becomes of the transport.
func (t *Tx) planTransport(f fields, p *domainPlan, in DomainInput) {
	switch {
	case p.Type != relayDomain:
		if in.Transport.Set && in.Transport.Value != (TransportInput{}) {
			f.add("transport", "This field is valid when type is relaydomain")
		}
	case in.Transport.Set:
		p.transport = t.checkTransport(f, p.Name, in.Transport.Value)
	case p.Transport == nil:
		f.add("transport", "This field is required")
	}
}

package daemon

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/rules"
	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// policy checks the section [policy], and parses what the rules need.
func (k *checker) policy() {
	p := &k.c.Policy
	if c := p.Counters; c != "local" {
		u, err := url.Parse(c)
		if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Host == "" {
			k.fail("policy.counters", "want local or redis://host:6379/0")
		}
	}
	k.oneOf("policy.count", p.Count, "message", "recipient")
	k.oneOf("policy.over_limit", p.OverLimit, "defer", "reject")
	k.percent("policy.warn_at", p.WarnAt)
	k.percent("policy.quota_grace", p.QuotaGrace)
	k.notNegative("policy.suspend_after", p.SuspendAfter)
	k.positive("policy.suspend_within", p.SuspendWithin)
	p.rules = rules.Settings{
		MasterSeparator: k.c.Dovecot.MasterSeparator,
		AtRcpt:          p.Count == "recipient", Reject: p.OverLimit == "reject",
		Accounts: k.sendLimits("policy.account_limits", p.AccountLimits), Domains: k.sendLimits("policy.domain_limits", p.DomainLimits),
		SendingExempt: k.exemptions("policy.limits_exempt", p.LimitsExempt),
		Recipients:    p.Recipients, DisabledAccounts: p.DisabledAccounts, Disabled: k.reply("policy.disabled_reply", p.DisabledReply), Exempt: k.exemptions("policy.recipients_exempt", p.RecipientsExempt),
		Quota: p.Quota, Grace: p.QuotaGrace, Full: k.reply("policy.full_reply", p.FullReply), TooLarge: k.reply("policy.too_large_reply", p.TooLargeReply),
		QuotaExempt: k.exemptions("policy.quota_exempt", p.QuotaExempt),
	}
}

func (k *checker) percent(key string, n int) {
	if n < 0 || n > 100 {
		k.fail(key, "%d is not between 0 and 100", n)
	}
}

func (k *checker) reply(key, text string) policy.Action {
	a, err := rules.ParseReply(text)
	if err != nil {
		k.fail(key, "%v", err)
	}
	return a
}

func (k *checker) exemptions(key string, list []string) rules.Exemptions {
	e, err := rules.ParseExemptions(list)
	if bad := (*rules.EntryError)(nil); errors.As(err, &bad) {
		k.fail(fmt.Sprintf("%s[%d]", key, bad.Index), "%v", err)
	}
	return e
}

// sendLimits parses limits. Two of the same unit and window are a slip.
func (k *checker) sendLimits(key string, list []string) (all []sendlimit.Limit) {
	seen := map[sendlimit.Limit]bool{}
	for i, text := range list {
		l, err := rules.ParseLimit(text)
		at := fmt.Sprintf("%s[%d]", key, i)
		if err != nil {
			k.fail(at, "%v", err)
			continue
		}
		same := sendlimit.Limit{Unit: l.Unit, Window: l.Window}
		if seen[same] {
			k.fail(at, "there is a limit of %s per %s already", l.Unit, l.Window)
		}
		seen[same] = true
		all = append(all, l)
	}
	return all
}

// limitSettings are what the counters need.
func (p *Policy) limitSettings() sendlimit.Settings {
	soft := p.WarnAt
	if soft == 0 {
		soft = -1
	}
	return sendlimit.Settings{Soft: soft, Suspend: sendlimit.AutoSuspend{
		Times: p.SuspendAfter, Within: p.SuspendWithin.D(), For: p.SuspendFor.D(), Domains: p.SuspendDomains,
	}}
}

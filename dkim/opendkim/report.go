package opendkim

import (
	"fmt"
	"io"
	"strings"
)

// WriteTo writes the plan for people: lines of vmapd.toml, and all the rest as
// comments. It is the same text each time.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	say := func(format string, args ...any) {
		b.WriteString(strings.TrimRight("# "+clean(fmt.Sprintf(format, args...)), " ") + "\n")
	}
	say("What becomes of %s in vmapd.", p.File)
	say("")
	p.sayRules(say)
	for _, group := range []struct {
		verdict Verdict
		title   string
	}{
		{Maps, "Options that are settings of vmapd:"},
		{Builtin, "Options that need no setting:"},
		{Differs, "Options for which vmapd does something else:"},
		{Dropped, "Options that fall away:"},
	} {
		said := false
		for _, s := range p.Settings {
			if s.Verdict != group.verdict {
				continue
			}
			if !said {
				say("%s", group.title)
				said = true
			}
			say("  %s: %s %s", s.Place, s.Option, s.Value)
			say("      %s", s.Means)
		}
		if said {
			say("")
		}
	}
	if len(p.ToDo) > 0 {
		say("To do by hand:")
		for _, t := range p.ToDo {
			say("  - %s", t)
		}
		say("")
	}
	if p.TOML == "" {
		say("Nothing to set: the defaults of vmapd do.")
	}
	b.WriteString(p.TOML)
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (p *Plan) sayRules(say func(string, ...any)) {
	if d := p.Database; d != nil {
		say("OpenDKIM asks the %s database %s on %s, table %s.", d.Backend, d.Database, d.Host, d.Table)
		say("")
	}
	if len(p.Signs) == 0 {
		return
	}
	say("Who is signed, in the order of the table:")
	for _, r := range p.Signs {
		say("  %s: %s: %s", r.Place, r.Pattern, r.key())
		say("      %s", r.Means)
	}
	say("")
}

// key describes the key of a rule.
func (r *Rule) key() string {
	var b strings.Builder
	switch {
	case r.KeyName == "%":
		b.WriteString("the key that has the name of the domain")
	case r.Domain == "":
		b.WriteString("the key " + r.KeyName)
	default:
		fmt.Fprintf(&b, "d=%s s=%s, key %s", r.Domain, r.Selector, r.KeyFile)
		if r.Inline {
			b.WriteString("in the table")
		}
	}
	if r.Identity != "" {
		b.WriteString(", i=" + r.Identity)
	}
	return b.String()
}

package manual

import (
	"strings"

	"github.com/spf13/cobra"
)

// program is vmapd(8).
func (m Manual) program() Page {
	p := m.head("vmapd", 8, lower(m.Root.Short))
	p.section("SYNOPSIS")
	p.line("%s [%s] %s", bold("vmapd"), italic("options"), italic("command"))
	p.section("DESCRIPTION")
	p.text(programText)
	p.section("COMMANDS")
	p.line("Each has a page of its own, such as %s(8).", bold("vmapd-serve"))
	for _, c := range commands(m.Root) {
		p.item(bold(c.Name()), c.Short+".")
	}
	p.section("OPTIONS")
	p.line("All commands have these.")
	p.flags(flags(m.Root.PersistentFlags()))
	p.exitStatus()
	for _, s := range programSections {
		p.section(strings.ToUpper(s.title))
		for _, i := range s.items {
			p.item(bold(i.tag), i.text)
		}
	}
	p.section("SEE ALSO")
	p.line("%s(5), %s(8), %s(8), %s(8)", bold("vmapd.toml"), bold("vmapd-serve"), bold("vmapd-doctor"), bold("vmapd-postconf"))
	return Page{"vmapd", 8, p.b.String()}
}

// commandPage is the page of one command with what is below it.
func (m Manual) commandPage(c *cobra.Command) Page {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	p := m.head(name, 8, lower(c.Short))
	all := withCommands(c)
	p.section("SYNOPSIS")
	for i, sub := range all {
		if sub.HasAvailableSubCommands() {
			continue
		}
		if i > 1 {
			p.line(".br")
		}
		p.line("%s", bold(usage(sub)))
	}
	p.section("DESCRIPTION")
	p.text(description(c))
	if len(all) > 1 {
		p.section("COMMANDS")
		for _, sub := range all[1:] {
			p.subcommand(sub)
		}
	}
	if own := flags(c.LocalNonPersistentFlags()); len(own) > 0 || len(all) == 1 {
		p.section("OPTIONS")
		p.flags(own)
		if len(own) > 0 {
			p.line(".PP")
		}
		p.line("Options that all commands have are in %s(8).", bold("vmapd"))
	}
	p.exitStatus()
	p.section("SEE ALSO")
	p.line("%s(8), %s(5)", bold("vmapd"), bold("vmapd.toml"))
	return Page{name, 8, p.b.String()}
}

func (p *page) subcommand(c *cobra.Command) {
	p.subsection(usage(c))
	p.text(description(c))
	p.flags(flags(c.LocalNonPersistentFlags()))
}

func (p *page) exitStatus() {
	p.section("EXIT STATUS")
	for _, s := range exitStatuses {
		p.item(bold(s.tag), s.text)
	}
}

// settings is vmapd.toml(5).
func (m Manual) settings() Page {
	p := m.head("vmapd.toml", 5, "configuration of vmapd")
	p.section("DESCRIPTION")
	p.text(settingsText)
	for _, s := range m.Settings {
		if s.Key == "" {
			p.section(s.Section)
			p.text(s.Text)
			continue
		}
		tag := bold(s.Key)
		if s.Default != "" {
			tag += " = " + escape(s.Default)
		}
		p.item(tag, s.Text)
	}
	p.section("SEE ALSO")
	p.line("%s(8), %s(8)", bold("vmapd"), bold("vmapd-config"))
	return Page{"vmapd.toml", 5, p.b.String()}
}

// lower makes what follows a dash of a sentence.
func lower(text string) string {
	if len(text) < 2 || text[1] >= 'A' && text[1] <= 'Z' {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// Package manual writes the manual of the program from what the program knows
// of itself: its commands with their flags, and the settings of its
// configuration. So the manual cannot say anything else than the program does.
//
// Pages gives the pages in roff, with the macros of man(7): vmapd(8), one page
// for each command (its subcommands are sections of it), and vmapd.toml(5).
// Markdown gives the commands as one document for a browser.
//
// Texts of commands and settings are plain: paragraphs with a blank line between
// them, `names` in backquotes, and lines that begin with white space, which are
// shown as they are.
package manual

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vmapd/vmapd/daemon"
)

// A Manual is what pages are made from.
type Manual struct {
	Root     *cobra.Command
	Settings []daemon.Setting
	Version  string // of the program, at the foot of each page
	Date     string // as YYYY-MM-DD, there too; may be empty
}

// A Page is one manual page.
type Page struct {
	Name    string // "vmapd-serve"
	Section int    // of the manual: 5 or 8
	Text    string // roff
}

// Pages gives all pages.
func (m Manual) Pages() []Page {
	list := []Page{m.program()}
	for _, c := range commands(m.Root) {
		list = append(list, m.commandPage(c))
	}
	return append(list, m.settings())
}

// commands are those of a command that people use, in the order of their names.
func commands(c *cobra.Command) []*cobra.Command {
	c.InitDefaultHelpCmd()
	c.InitDefaultCompletionCmd()
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(c *cobra.Command) bool {
		return !c.IsAvailableCommand() || c.Name() == "help"
	})
}

// withCommands gives c and all that is below it.
func withCommands(c *cobra.Command) []*cobra.Command {
	list := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			list = append(list, withCommands(sub)...)
		}
	}
	return list
}

// usage is what is typed: "vmapd dkim dns DOMAIN".
func usage(c *cobra.Command) string {
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND"
	}
	return strings.TrimSuffix(c.UseLine(), " [flags]")
}

// description is the long text, or else the short one as a sentence.
func description(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return c.Short + "."
}

// A flag is a flag as the manual shows it.
type flag struct {
	names    string // "-c, --config"
	value    string // what stands for its value, or "" without one
	text     string
	byItself string // the default, or "" if that says nothing
}

// flags are those that a command has of its own.
func flags(set *pflag.FlagSet) (list []flag) {
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		value, text := pflag.UnquoteUsage(f)
		one := flag{names: "--" + f.Name, value: value, text: text}
		if f.Shorthand != "" {
			one.names = "-" + f.Shorthand + ", " + one.names
		}
		if !slices.Contains([]string{"", "0", "false", "[]", "0s"}, f.DefValue) && f.Value.Type() != "bool" && !strings.Contains(text, "(default") {
			one.byItself = f.DefValue
		}
		list = append(list, one)
	})
	return list
}

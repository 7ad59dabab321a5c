package main

import (
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/lookup"
)

func (a *app) postconfCommand() *cobra.Command {
	var queue string
	var proxy bool
	cmd := &cobra.Command{
		Use:   "postconf",
		Short: "Print the main.cf lines for this configuration",
		Long: "Prints the main.cf lines that make Postfix ask vmapd. A socket below Postfix's queue directory is written relative to it, which works for chrooted daemons as well; " +
			"for one elsewhere on a host with chrooted daemons use --proxy.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			if queue == "" {
				queue = queueDirectory()
			}
			m, milters, policies := mapNames(c, queue, proxy), milterNames(c, queue), policyNames(c, queue)
			if m == nil && milters == nil && policies == nil {
				return &exit{exitUsage, fmt.Errorf("the configuration has no socketmap, tcp_table or policy listener, and no milter: add one for Postfix to ask")}
			}
			if m != nil {
				printPostconf(a.out, c, m)
			}
			if policies != nil {
				printPolicy(a.out, c, policies)
			}
			if milters != nil {
				printMilters(a.out, c, milters)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&queue, "queue-directory", "", "Postfix's queue_directory (default: what postconf says, or /var/spool/postfix)")
	cmd.Flags().BoolVar(&proxy, "proxy", false, "ask through proxymap(8)")
	return cmd
}

func queueDirectory() string {
	if out, err := exec.Command("postconf", "-h", "queue_directory").Output(); err == nil && len(out) > 1 {
		return strings.TrimSpace(string(out))
	}
	return "/var/spool/postfix"
}

// mapNames returns a function from table to Postfix's type:name, "" for a
// table that no listener serves, or nil if there is no listener for Postfix.
func mapNames(c *daemon.Config, queue string, proxy bool) func(table string) string {
	prefix := ""
	if proxy {
		prefix = "proxy:"
	}
	tcp := map[string]string{}
	for _, l := range c.Listen {
		switch l.Protocol {
		case "socketmap":
			endpoint := relative(l.Place(), queue)
			return func(table string) string { return prefix + "socketmap:" + endpoint + ":" + table }
		case "tcp_table":
			if t, ok := lookup.FindTable(l.Table); ok {
				tcp[t.Name] = prefix + "tcp:" + strings.TrimPrefix(l.Address, "inet:")
			}
		}
	}
	if len(tcp) == 0 {
		return nil
	}
	return func(table string) string { return tcp[table] }
}

// milterNames gives the milter listeners as Postfix names them, but those of
// systemd whose place is in a unit file that is not ours.
func milterNames(c *daemon.Config, queue string) (names []string) {
	for _, l := range c.Listen {
		switch name := relative(l.Place(), queue); {
		case l.Protocol != "milter":
		case strings.HasPrefix(name, "systemd:"):
			names = append(names, "unix:(ListenStream of "+name+")")
		default:
			names = append(names, name)
		}
	}
	return names
}

// printMilters prints what has Postfix ask for signatures. One listener is
// enough; of several the first is meant.
func printMilters(w io.Writer, c *daemon.Config, names []string) {
	fmt.Fprintf(w, `# Signatures by vmapd (DKIM). Other milters, such as a spam filter, stand before it.
smtpd_milters = %[1]s
# Mail of sendmail(1) comes from 127.0.0.1: it is signed if dkim.networks has that.
non_smtpd_milters = %[1]s
# If vmapd is away, mail passes unsigned. tempfail has clients come back instead.
milter_default_action = accept
`, names[0])
	if len(c.DKIM.DaemonNames) > 0 {
		fmt.Fprintf(w, `# Authenticated clients are signed for. If others are to be, name the service in master.cf:
#   -o milter_macro_daemon_name=%s
`, c.DKIM.DaemonNames[0])
	}
	fmt.Fprintln(w, `# With a content filter: let only the smtpd that takes mail back ask, and leave the other's out
# (-o smtpd_milters=); or sign before the filter, and give the one behind it
#   -o receive_override_options=no_milters`)
	for _, name := range names {
		if strings.HasPrefix(name, "unix:/") {
			fmt.Fprintln(w, "# The milter's socket is outside of Postfix's queue directory: daemons that run chrooted (column 5 of\n# master.cf) do not see it. Put it below the queue directory, or use an inet: address.")
			break
		}
	}
}

// relative names a socket below the queue directory as chrooted and other
// daemons alike find it: all of them have that directory as root or working
// directory.
func relative(address, queue string) string {
	path, ok := strings.CutPrefix(address, "unix:"+strings.TrimSuffix(queue, "/")+"/")
	if !ok {
		return address
	}
	return "unix:" + path
}

// postfixMaps are the tables that main.cf is to name, in the order of the lines
// that "vmapd postconf" prints; those that no listener serves are left out.
func postfixMaps(name func(table string) string) (list []doctor.PostfixMap) {
	for _, m := range []doctor.PostfixMap{
		{Param: "virtual_mailbox_domains", Table: "domains"},
		{Param: "virtual_alias_domains", Table: "domain-aliases"},
		{Param: "virtual_alias_maps", Table: "aliases"},
		{Param: "virtual_mailbox_maps", Table: "mailboxes"},
		{Param: "relay_domains", Table: "relay-domains"},
		{Param: "transport_maps", Table: "transport"},
		{Param: "smtpd_sender_login_maps", Table: "sender-login"},
	} {
		if m.Name = name(m.Table); m.Name != "" {
			list = append(list, m)
		}
	}
	return list
}

// accessMaps are those that belong below check_recipient_access.
func accessMaps(name func(table string) string) (list []doctor.PostfixMap) {
	for _, table := range []string{"maintain", "relay-recipient-verification"} {
		if n := name(table); n != "" {
			list = append(list, doctor.PostfixMap{Param: "smtpd_recipient_restrictions", Table: table, Name: n})
		}
	}
	return list
}

func printPostconf(w io.Writer, c *daemon.Config, name func(table string) string) {
	fmt.Fprintln(w, "# Lookups answered by vmapd; they replace the sql-*.cf maps.")
	for _, m := range postfixMaps(name) {
		switch m.Table {
		case "mailboxes":
			fmt.Fprintln(w, "# Lets Postfix refuse unknown recipients by itself, without a probe.")
		case "transport":
			fmt.Fprintln(w, "# One map: it contains sql-spliteddomains-transport, in the right order.")
		}
		fmt.Fprintf(w, "%s = %s\n", m.Param, m.Name)
	}
	fmt.Fprintf(w, "recipient_delimiter = %s\nvirtual_transport = %s\n", c.Lookup.RecipientDelimiter, c.Lookup.LocalTransport)
	if access := accessMaps(name); len(access) > 0 {
		fmt.Fprintln(w, "# Begin smtpd_recipient_restrictions with:")
		for _, m := range access {
			fmt.Fprintf(w, "#   check_recipient_access %s,\n", m.Name)
		}
	}
	if n := name("domains"); strings.HasPrefix(n, "socketmap:unix:/") {
		fmt.Fprintln(w, "# This socket is outside of Postfix's queue directory: daemons that run chrooted (column 5 of\n# master.cf) do not see it. Put it below the queue directory, or print these lines with --proxy.")
	}
}

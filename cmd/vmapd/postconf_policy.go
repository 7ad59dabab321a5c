package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vmapd/vmapd/daemon"
)

// policyPatience is what Postfix is to wait for an answer beyond the time for
// which the first data is waited for (lookup.hold).
const policyPatience = 10 * time.Second

// policyNames gives the policy listeners as Postfix names them, but those of
// systemd whose place is in a unit file that is not ours.
func policyNames(c *daemon.Config, queue string) (names []string) {
	for _, l := range c.Listen {
		switch name := relative(l.Place(), queue); {
		case l.Protocol != "policy":
		case strings.HasPrefix(name, "systemd:"):
			names = append(names, "unix:(ListenStream of "+name+")")
		default:
			names = append(names, name)
		}
	}
	return names
}

// policyEntry is what stands below smtpd's restrictions.
func policyEntry(c *daemon.Config, name string) string {
	patience := (c.Lookup.Hold.D() + policyPatience).Round(time.Second)
	return fmt.Sprintf("check_policy_service { %s, timeout=%ds, default_action=DUNNO }", name, int(patience.Seconds()))
}

// printPolicy prints what has Postfix ask the policy service. Of several
// listeners the first is meant.
func printPolicy(w io.Writer, c *daemon.Config, names []string) {
	entry := policyEntry(c, names[0])
	fmt.Fprintf(w, `# Recipients that take no mail, full mailboxes, sending limits (docs/policy.md). If vmapd is away, mail
# passes as if there were none: default_action=DUNNO. In smtpd_recipient_restrictions, of submission
# services too, put before permit_mynetworks and permit_sasl_authenticated:
#   %s,
`, entry)
	if c.Policy.Count == "message" {
		fmt.Fprintln(w, "# What is sent is counted when a message is complete.")
	} else {
		fmt.Fprintln(w, "# Recipients are counted there; messages and bytes when a message is complete.")
	}
	fmt.Fprintf(w, "smtpd_end_of_data_restrictions = %s\n", entry)
	if strings.HasPrefix(names[0], "unix:/") {
		fmt.Fprintln(w, "# The policy socket is outside of Postfix's queue directory: daemons that run chrooted (column 5 of\n# master.cf) do not see it. Put it below the queue directory, or use an inet: address.")
	}
}

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/daemon"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show the state of the running daemon",
		Long:  "Shows what the running daemon serves: age and size of its data, the database, sockets and connections. Exit status 1: it is not ready; 75: no daemon answers.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			s, err := a.control(c).Status(cmd.Context())
			if err != nil {
				return &exit{exitTryAgain, err}
			}
			if a.json {
				err = a.printJSON(s)
			} else {
				err = printStatus(a.out, s)
			}
			if err == nil && !s.Ready {
				return &exit{code: exitNo}
			}
			return err
		},
	}
}

func printStatus(w io.Writer, s *daemon.Status) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := statusRow(func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) })
	row("vmapd", "%s, process %d, up %s", s.Version, s.PID, seconds(s.Uptime))
	if s.Ready {
		row("state", "ready")
	} else {
		row("state", "NOT READY: %s", s.Reason)
	}
	config := s.Config
	if config == "" {
		config = "built-in defaults"
	}
	row("configuration", "%s", config)
	row.database(&s.Database)
	row.data(s.Snapshot)
	row.spool(&s.Spool)
	row.guard(&s.Guard)
	row.outside(&s.Outside)
	row.dkim(&s.DKIM)
	if s.Alarms > 0 {
		row("alarms", "%d are OPEN, see vmapd alarm list", s.Alarms)
	}
	row.shadow(s.Shadow)
	row.mailboxes(s.Mailboxes)
	for _, l := range s.Listeners {
		row("listener", "%s, %d of %d connections", strings.TrimSpace(l.Protocol+" "+l.Address+" "+l.Table), l.Connections, l.Max)
	}
	return t.Flush()
}

// statusRow prints one line.
type statusRow func(name, format string, args ...any)

func (row statusRow) database(d *daemon.DatabaseStatus) {
	row("database", "%s", d.Name)
	if d.Up {
		row("", "up, read in %s", seconds(d.LastLoad))
	} else {
		row("", "DOWN: %s", d.LastError)
	}
	switch {
	case d.Following:
		row("", "changes are followed")
	case d.FollowError != "":
		row("", "changes are NOT followed: %s", d.FollowError)
	default:
		row("", "changes are not followed (vmapd db install-triggers): everything is read again and again")
	}
	if d.Missed > 0 {
		row("", "%d changes had been MISSED", d.Missed)
	}
}

func (row statusRow) data(d *daemon.SnapshotStatus) {
	if d == nil {
		row("data", "none yet")
		return
	}
	row("data", "%s, generation %d, true %s ago", d.Schema, d.Generation, seconds(d.Age))
	if d.Stored {
		row("", "from the disk: the database has not been read since the start")
	}
	for name, n := range d.Counts.All() {
		if n > 0 {
			row("", "%d %s", n, name)
		}
	}
	if d.Problems > 0 {
		row("problems", "%d", d.Problems)
		for _, p := range d.FirstProblems {
			row("", "%s", p)
		}
	}
}

func (row statusRow) spool(p *daemon.SpoolStatus) {
	row("spool", "%d writes wait for the database", p.Pending)
	if p.LastError != "" {
		row("", "FAILING: %s", p.LastError)
	}
	if p.Dead > 0 {
		row("", "%d writes were REFUSED by the database and set aside", p.Dead)
	}
	if p.Damaged != "" {
		row("", "a DAMAGED spool was moved to %s", p.Damaged)
	}
}

func (row statusRow) guard(g *daemon.GuardStatus) {
	row("guard", "%d of %d logins refused, %d held, since the start", g.Refused, g.Attempts, g.Held)
	row.pressure("account", &g.Accounts)
	row.pressure("network", &g.Networks)
	switch {
	case g.ShareError != "":
		row("", "wrong passwords are NOT shared with other nodes: %s", g.ShareError)
	case g.Shared:
		row("", "wrong passwords are shared with other nodes")
	}
}

func (row statusRow) shadow(x *daemon.ShadowStatus) {
	if x == nil {
		return
	}
	row("shadow", "%d of the lookups compared with the maps in %s: %d differ, and %d as is meant", x.Compared, x.Maps, x.Different, x.Intended)
	if x.LastError != "" {
		row("", "the maps CANNOT be asked: %s", x.LastError)
	}
	for _, d := range x.Last[max(len(x.Last)-5, 0):] {
		row("", "%s %s: maps %s, vmapd %s", d.Table, d.Key, orNothing(d.Maps), orNothing(d.Vmapd))
	}
}

func (row statusRow) mailboxes(m *daemon.MailboxStatus) {
	if m == nil {
		return
	}
	row("mailboxes", "%d operations on folders wait", m.Pending)
	if m.Error != "" {
		row("", "none is carried out: %s", m.Error)
	}
	for _, f := range m.Failed {
		row("", "FAILED: %s", f.Text)
	}
}

// pressure shows who is under attack; "vmapd forgive" takes the names.
func (row statusRow) pressure(kind string, p *daemon.GuardPressure) {
	if p.Refused+p.Held > 0 {
		row("", "%d %ss are refused now, %d held", p.Refused, kind, p.Held)
	}
	for _, o := range p.Worst {
		state := ""
		if o.Refused {
			state = ", REFUSED"
		}
		row("", "%s %s: %d wrong passwords%s, forgotten at %s", kind, o.Name, o.Guesses, state, o.Forgotten.Local().Format(time.DateTime))
	}
}

// outside shows who keeps passwords elsewhere.
func (row statusRow) outside(o *daemon.OutsideStatus) {
	name := "passwords"
	for _, s := range o.Servers {
		state := "in service"
		if s.Error != "" {
			state = fmt.Sprintf("OUT OF SERVICE since %s: %s", s.Since.Local().Format(time.DateTime), s.Error)
		}
		row(name, "%s %s, %s", s.Source, s.Server, state)
		name = ""
	}
	for _, p := range o.Problems {
		row(name, "problem: %s", p)
	}
}

// seconds shows a duration as people want it: short.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}

func (row statusRow) dkim(k *daemon.DKIMStatus) {
	if k.Keys == 0 {
		return
	}
	row("dkim", "%d keys; in DNS %d are right, %d WRONG, of %d nothing is known yet", k.Keys, k.Right, k.Wrong, max(0, k.Keys-k.Right-k.Wrong))
	for _, w := range k.FirstWrong {
		row("", "%s: %s", w.Name, w.Detail)
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/daemon"
)

// hostOptions say where the host's own configuration is, if it is not where
// Postfix and Dovecot look for it.
type hostOptions struct {
	postfix string // folder of main.cf
	dovecot string // dovecot.conf
	away    error  // why the database could not be read
}

func (h *hostOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.postfix, "postfix-config", "", "`folder` with Postfix's main.cf (default: Postfix's own)")
	f.StringVar(&h.dovecot, "dovecot-config", "", "Dovecot's configuration `file` (default: Dovecot's own)")
}

// host gathers what the selected checks of the host look at.
func (a *app) host(ctx context.Context, c *daemon.Config, checks []doctor.Check, o hostOptions) *doctor.Host {
	groups := map[string]bool{}
	for _, check := range checks {
		groups[check.Group] = true
	}
	h := &doctor.Host{Warnings: c.Warnings}
	var status *daemon.Status
	if groups["outside"] {
		h.Outside = outsideProblems(ctx, c)
	}
	if groups["daemon"] || groups["files"] || groups["outside"] {
		var err error
		status, err = a.control(c).Status(ctx)
		h.Daemon = daemonState(c, status, err)
	}
	if o.away != nil {
		h.Away = cause(o.away)
	}
	if groups["files"] {
		h.Files = &doctor.Files{StateDir: c.StateDir, KeyDir: c.DKIM.KeyDir, UID: runnerOf(c, h.Daemon, status)}
		if m := &c.Mailboxes; m.Root != "" && m.Mode == "files" {
			h.Files.Mail = &doctor.MailRoot{Path: m.Root, Daemon: m.Every > 0}
		}
	}
	if groups["postfix"] || groups["sockets"] || groups["dovecot"] {
		h.Postfix = postfixHost(ctx, c, o.postfix)
	}
	if groups["dovecot"] || groups["sockets"] {
		h.Dovecot = dovecotHost(ctx, c, o.dovecot, h.Postfix)
	}
	if groups["sockets"] {
		h.Sockets = sockets(c, h.Postfix, h.Dovecot)
	}
	return h
}

func daemonState(c *daemon.Config, s *daemon.Status, err error) *doctor.Daemon {
	if err != nil {
		return &doctor.Daemon{Error: err.Error(), Hidden: os.Geteuid() != 0 && !errors.Is(err, daemon.ErrNotRunning)}
	}
	d := &doctor.Daemon{
		NotReady: s.Reason, Config: s.Config, Version: s.Version, WantConfig: c.Path, WantVersion: daemon.Version(),
		DatabaseUp: s.Database.Up, DatabaseError: s.Database.LastError, Following: s.Database.Following, FollowError: s.Database.FollowError, Missed: s.Database.Missed,
		SpoolPending: s.Spool.Pending, SpoolDead: s.Spool.Dead, SpoolError: s.Spool.LastError, SpoolDamaged: s.Spool.Damaged,
	}
	if s.Snapshot != nil {
		d.Age, d.Stale, d.Stored = time.Duration(s.Snapshot.Age*float64(time.Second)), s.Snapshot.Stale, s.Snapshot.Stored
	}
	for _, o := range s.Outside.Servers {
		if o.Error != "" {
			d.OutsideDown = append(d.OutsideDown, doctor.OutsideServer{Source: o.Source, Server: o.Server, Error: o.Error})
		}
	}
	if m := s.Mailboxes; m != nil {
		d.Operations = &doctor.Operations{Pending: m.Pending, Oldest: time.Duration(m.Oldest * float64(time.Second)), Error: m.Error}
		for _, f := range m.Failed {
			d.Operations.Failed = append(d.Operations.Failed, doctor.FailedOperation{Path: f.Path, Problem: f.Text, Remedy: f.Remedy})
		}
	}
	for _, w := range s.DKIM.FirstWrong {
		d.KeysWrong = append(d.KeysWrong, doctor.KeyWrong{Name: w.Name, Detail: w.Detail})
	}
	return d
}

// runnerOf returns the user that runs the daemon, or who owns its folder if it
// does not run; -1 if nobody can say.
func runnerOf(c *daemon.Config, d *doctor.Daemon, s *daemon.Status) int {
	path := c.StateDir
	if d.Error == "" {
		path = "/proc/" + strconv.Itoa(s.PID)
	}
	st, err := os.Stat(path)
	if err != nil {
		return -1
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid)
	}
	return -1
}

// sockets lists the sockets of the configuration, those of systemd aside, with
// those who connect to them.
func sockets(c *daemon.Config, p *doctor.Postfix, d *doctor.Dovecot) (all []doctor.Socket) {
	for _, l := range c.Listen {
		e, err := daemon.ParseEndpoint(l.Address)
		s := doctor.Socket{Protocol: l.Protocol}
		switch {
		case err != nil || e.Kind == daemon.Systemd || e.Kind == daemon.Inet && e.Port == 0:
			continue
		case e.Kind == daemon.Inet:
			_, s.TCP, _ = e.Network()
		default:
			s.Path = e.Path
			s.Clients = append(p.ClientsOf(l.Protocol, e.Path), d.ClientsOf(l.Protocol, e.Path)...)
		}
		all = append(all, s)
	}
	return all
}

// cause is an error without its exit status.
func cause(err error) error {
	var e *exit
	if errors.As(err, &e) && e.err != nil {
		return e.err
	}
	return err
}

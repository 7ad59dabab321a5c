package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/daemon"
)

// dovecotHost asks doveconf(1) how Dovecot is wired; file is dovecot.conf, "" is
// Dovecot's own.
func dovecotHost(ctx context.Context, c *daemon.Config, file string, p *doctor.Postfix) *doctor.Dovecot {
	args := []string{"-n"}
	if file != "" {
		args = append(args, "-c", file)
	}
	d := &doctor.Dovecot{Files: map[string]string{}, Delimiter: c.Lookup.RecipientDelimiter, UID: c.Dovecot.UID, GID: c.Dovecot.GID}
	out, err := output(ctx, "doveconf", args...)
	if err != nil {
		d.Missing = err.Error()
		return d
	}
	d.Version, d.Conf = dovecotVersion(out), doctor.ParseDoveconf(out)
	for _, path := range d.ArgsFiles() {
		if text, err := os.ReadFile(path); err == nil {
			d.Files[path] = string(text)
		}
	}
	queue := queueOf(p)
	d.LMTP = lmtpSocket(c.Lookup.LocalTransport, queue)
	d.Dict, d.Auth, d.Master = listener(c, "dict", queue), listener(c, "auth", queue), listener(c, "auth-master", queue)
	wantDovecot(c, d, queue)
	return d
}

// listener finds the unix socket of a protocol for Dovecot: rather one that is
// not below Postfix's queue.
func listener(c *daemon.Config, protocol, queue string) (found string) {
	for _, l := range c.Listen {
		path, ok := strings.CutPrefix(l.Address, "unix:")
		if ok && l.Protocol == protocol && (found == "" || !strings.HasPrefix(path, queue+"/")) {
			found = path
		}
	}
	return found
}

// wantDovecot adds what "vmapd doveconf" prints, if it prints something.
func wantDovecot(c *daemon.Config, d *doctor.Dovecot, queue string) {
	files, err := doveconf.Render(c, doveconf.Options{Version: d.Release(), Auth: d.Route(), Protocols: d.Protocols(), Queue: queue})
	if err != nil {
		return
	}
	d.Want = doctor.ParseDoveconf(files[0].Text)
	for _, f := range files[1:] {
		d.WantFiles = append(d.WantFiles, f.Text)
	}
}

// dovecotVersion reads the first line that doveconf prints: "# 2.3.19.1 (hash): FILE".
func dovecotVersion(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	version, _, _ := strings.Cut(strings.TrimPrefix(line, "# "), " ")
	return version
}

func queueOf(p *doctor.Postfix) string {
	if p != nil && p.Values["queue_directory"] != "" {
		return p.Values["queue_directory"]
	}
	return queueDirectory()
}

// lmtpSocket gives the absolute path of the socket that a transport names, "" if
// it names none.
func lmtpSocket(transport, queue string) string {
	path, ok := strings.CutPrefix(transport, "lmtp:unix:")
	switch {
	case !ok:
		return ""
	case filepath.IsAbs(path):
		return path
	}
	return fmt.Sprintf("%s/%s", queue, path)
}

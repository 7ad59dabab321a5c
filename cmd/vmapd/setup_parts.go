package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/doveconf"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/setup"
	"github.com/vmapd/vmapd/daemon"
)

// setupMain are the lines of "vmapd postconf", without their explanations, and
// what a host of its own needs besides.
func setupMain(c *daemon.Config, queue string) (lines []string) {
	var b bytes.Buffer
	if m := mapNames(c, queue, false); m != nil {
		printPostconf(&b, c, m)
	}
	if names := policyNames(c, queue); names != nil {
		printPolicy(&b, c, names)
	}
	if names := milterNames(c, queue); names != nil {
		printMilters(&b, c, names)
	}
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if path := saslSocket(c, queue); path != "" {
		lines = append(lines, "smtpd_sasl_type = dovecot", "smtpd_sasl_path = "+strings.TrimPrefix(path, queue+"/"))
	}
	// Debian may put the domain of the host into it, whose mail is vmapd's.
	return append(lines, "mydestination = $myhostname, localhost.$mydomain, localhost")
}

// setupAccess is what smtpd_recipient_restrictions begins with.
func setupAccess(c *daemon.Config, queue string) (list []string) {
	if m := mapNames(c, queue, false); m != nil {
		for _, a := range accessMaps(m) {
			list = append(list, "check_recipient_access "+a.Name)
		}
	}
	if names := policyNames(c, queue); names != nil {
		list = append(list, policyEntry(c, names[0]))
	}
	return list
}

// saslSocket is the socket below Postfix's queue directory at which logins are
// checked, "" if there is none.
func saslSocket(c *daemon.Config, queue string) (file string) {
	for _, l := range c.Listen {
		if place, ok := strings.CutPrefix(l.Place(), "unix:"); ok && l.Protocol == "auth" && strings.HasPrefix(place, queue+"/") {
			file = place
		}
	}
	return file
}

// dovecotRoute is the release of a Dovecot, of which "dovecot --version" prints
// such as "2.3.19.1 (9b53102964)", and the way in which it asks vmapd.
func dovecotRoute(version string) (release, auth string, err error) {
	version, _, _ = strings.Cut(strings.TrimSpace(version), " ")
	switch {
	case strings.HasPrefix(version, "2.3."):
		return "2.3", doveconf.Dict, nil
	case version == "2.4.0", strings.HasPrefix(version, "2.4.0-"), version == "2.4.1", strings.HasPrefix(version, "2.4.1-"):
		return "", "", fmt.Errorf("for Dovecot %s some lines have to be changed by hand: take what vmapd doveconf --version 2.4 prints, its comments say which", version)
	case strings.HasPrefix(version, "2.4."):
		return "2.4", doveconf.Server, nil
	}
	return "", "", fmt.Errorf("the Dovecot of this machine is %q: vmapd knows 2.3 and 2.4", version)
}

// protocolsDir has a file for each package of Dovecot's protocols (Debian).
const protocolsDir = "/usr/share/dovecot/protocols.d"

// dovecotHere asks which Dovecot is installed, with which protocols.
func dovecotHere(ctx context.Context) (d setup.Dovecot, err error) {
	out, err := output(ctx, "dovecot", "--version")
	if err != nil {
		return d, fmt.Errorf("look at Dovecot: %w: apt install dovecot-imapd dovecot-lmtpd", err)
	}
	if d.Version, d.Auth, err = dovecotRoute(out); err != nil {
		return d, err
	}
	for _, p := range []struct{ file, protocol string }{
		{"imapd", "imap"}, {"pop3d", "pop3"}, {"lmtpd", "lmtp"}, {"managesieved", "sieve"}, // submission is Postfix's here
	} {
		if _, err := os.Stat(filepath.Join(protocolsDir, p.file+".protocol")); err == nil {
			d.Protocols = append(d.Protocols, p.protocol)
		}
	}
	if !slices.Contains(d.Protocols, "lmtp") {
		return d, fmt.Errorf("the Dovecot of this machine cannot take mail: %s has no lmtpd.protocol: apt install dovecot-lmtpd", protocolsDir)
	}
	return d, nil
}

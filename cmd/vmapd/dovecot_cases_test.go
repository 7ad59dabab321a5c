package main_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// dovecotCase is something that clients do, and what has to come of it. The
// accounts are those of fillLogins; each has the password "secret".
type dovecotCase struct {
	name string
	do   func(*testing.T, *dovecotSite) string
	want string // what Dovecot answers that asks the database with Modoboa's queries

	// others are answers of other kinds of sites ("dict", "server",
	// "passwd-file") that differ on purpose, each with the reason.
	others []dovecotDifference
}

type dovecotDifference struct {
	want, why string
	sites     []string
}

// but says which sites answer otherwise, and why.
func (c dovecotCase) but(want, why string, sites ...string) dovecotCase {
	c.others = append(c.others, dovecotDifference{want, why, sites})
	return c
}

// wantOf is what a kind of site has to answer.
func (c dovecotCase) wantOf(site string) string {
	for _, d := range c.others {
		if slices.Contains(d.sites, site) {
			return d.want
		}
	}
	return c.want
}

// What logsIn returns most often.
const (
	everywhere = "imap pop3 sieve submission smtp"
	nowhere    = ""
	toSend     = "sieve submission smtp"
)

func login(user, password, want string) dovecotCase {
	return dovecotCase{
		name: "login " + user + " " + password, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.logsIn(t, user, password) },
	}
}

func saslUser(user, want string) dovecotCase {
	return dovecotCase{
		name: "Postfix is told of " + user, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.saslUser(t, user, "secret") },
	}
}

func deliver(to string, size int, want string) dovecotCase {
	return dovecotCase{
		name: "mail to " + to, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.delivers(t, to, size) },
	}
}

func mailbox(service, user, want string) dovecotCase {
	return dovecotCase{
		name: "mailbox for " + service + " " + user, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.mailbox(t, service, user) },
	}
}

func mailOf(user, want string) dovecotCase {
	return dovecotCase{
		name: "INBOX of " + user, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.mailOf(t, user, "secret") },
	}
}

func policy(name, to string, size int, want string) dovecotCase {
	return dovecotCase{
		name: "quota-status, " + name, want: want,
		do: func(t *testing.T, s *dovecotSite) string { return s.policy(t, to, size) },
	}
}

// users compares the list of "doveadm user '*'"; names without a domain are those
// of home.test.
func users(want string) dovecotCase {
	return dovecotCase{name: "doveadm user '*'", want: want, do: func(t *testing.T, s *dovecotSite) string { return s.users(t) }}
}

// figures compares ann's quota figures in the database with her mailbox, after
// something was done.
func figures(name, want string, before ...func(*testing.T, *dovecotSite)) dovecotCase {
	return dovecotCase{
		name: "quota figures " + name, want: want,
		do: func(t *testing.T, s *dovecotSite) string {
			for _, f := range before {
				f(t, s)
			}
			return s.figures(t, "ann@home.test")
		},
	}.but("0 messages, 0 bytes", notRunning, "passwd-file")
}

// Reasons for differences.
const (
	anyName    = "Dovecot's list of characters in names (auth_username_chars) shuts out mailboxes that Modoboa makes"
	noMasters  = "a passwd-file of its own would have to hold the master users"
	noServices = "a passwd-file cannot tell services apart: mail comes, and nologin keeps readers out, and those of Dovecot's own submission and sieve with them"
	counting   = "Modoboa's dictionary adds up the sizes of files, as does Dovecot's recount, whose messages the trigger negates; Dovecot's count has the sizes that IMAP tells"
	notRunning = "nobody is there to write them"
)

// dovecotCases are done in this order at each site: later ones see what earlier
// ones have delivered.
func dovecotCases() []dovecotCase {
	return slices.Concat(loginCases(), userCases(), mailCases())
}

func loginCases() []dovecotCase {
	return []dovecotCase{
		login("ann@home.test", "secret", everywhere),
		login("Ann@HOME.test", "secret", everywhere),
		login("ann@home.test", "wrong", nowhere),
		login("ann@home.test", "", nowhere),
		login("dear@home.test", "secret", everywhere),
		login("dear@home.test", "Secret", nowhere),
		login("o'brien@home.test", "secret", nowhere).but(everywhere, anyName, "dict", "server", "passwd-file"),
		login("ann", "secret", nowhere),
		login("ann+work@home.test", "secret", nowhere),
		login("nobody@home.test", "secret", nowhere),
		login("alias@home.test", "secret", nowhere),
		login("admin", "secret", nowhere),
		login("external@home.test", "secret", nowhere),
		login("external@home.test", "", nowhere),
		login("closed@home.test", "secret", nowhere),
		login("lost@off.test", "secret", nowhere),
		login("sender@home.test", "secret", toSend).but("smtp", noServices, "passwd-file"),
		login("ann@home.test*boss@home.test", "secret", everywhere).but(nowhere, noMasters, "passwd-file"),
		login("ann@home.test*boss@home.test", "wrong", nowhere),
		login("ann@home.test*ann@home.test", "secret", everywhere).but(nowhere, noMasters, "passwd-file"),
		login("boss@home.test*ann@home.test", "secret", nowhere),
		login("closed@home.test*boss@home.test", "secret", nowhere),
		login("lost@off.test*boss@home.test", "secret", nowhere),
		login("sender@home.test*boss@home.test", "secret", toSend).but(nowhere, noMasters, "passwd-file"),
		login("nobody@home.test*boss@home.test", "secret", nowhere),
		saslUser("ANN@home.test", "ann@home.test"),
		saslUser("ann@home.test*boss@home.test", "ann@home.test").but("no", noMasters, "passwd-file"),
	}
}

func userCases() []dovecotCase {
	at := func(local string, quota int) string {
		return fmt.Sprintf("%s@home.test home=~/home.test/%[1]s uid=65534 gid=65534 quota_rule=*:bytes=%dM", local, quota)
	}
	return []dovecotCase{
		mailbox("imap", "ann@home.test", at("ann", 10)),
		mailbox("lmtp", "Ann@Home.Test", at("ann", 10)),
		mailbox("lmtp", "dear@home.test", at("dear", 0)),
		mailbox("lmtp", "closed@home.test", at("closed", 10)),
		mailbox("lmtp", "lost@off.test", strings.ReplaceAll(at("lost", 10), "home.test", "off.test")),
		mailbox("lmtp", "external@home.test", at("external", 5)),
		mailbox("lmtp", "sender@home.test", "NOTFOUND").but(at("sender", 10), noServices, "passwd-file"),
		mailbox("imap", "sender@home.test", "NOTFOUND").but(at("sender", 10), noServices, "passwd-file"),
		mailbox("doveadm", "sender@home.test", at("sender", 10)),
		mailbox("lmtp", "nobody@home.test", "NOTFOUND"),
		mailbox("lmtp", "alias@home.test", "NOTFOUND"),
		mailbox("lmtp", "admin", "NOTFOUND"),
		users("ann boss closed dear external lost@off.test o'brien sender small").
			but(`ann boss closed dear external lost@off.test o'brien o\'brien sender small`, "Dovecot finds names with quotes in a passwd-file by a second spelling", "passwd-file"),
	}
}

func mailCases() []dovecotCase {
	expunge := func(t *testing.T, s *dovecotSite) { s.expunge(t, "ann@home.test", "secret") }
	recount := func(_ *testing.T, s *dovecotSite) { s.Doveadm("quota", "recalc", "-u", "ann@home.test") }
	return []dovecotCase{
		deliver("ann@home.test", 1000, "250 2.0.0"),
		deliver("ANN+list@Home.test", 1000, "250 2.0.0"),
		deliver("o'brien@home.test", 1000, "550 5.1.1").but("250 2.0.0", anyName, "dict", "server", "passwd-file"),
		deliver("closed@home.test", 1000, "250 2.0.0"),
		deliver("lost@off.test", 1000, "250 2.0.0"),
		deliver("external@home.test", 1000, "250 2.0.0"),
		deliver("sender@home.test", 1000, "550 5.1.1").but("250 2.0.0", noServices, "passwd-file"),
		deliver("nobody@home.test", 1000, "550 5.1.1"),
		deliver("alias@home.test", 1000, "550 5.1.1"),
		mailOf("ann@home.test", "* STATUS INBOX (MESSAGES 2)"),
		mailOf("ann@home.test*boss@home.test", "* STATUS INBOX (MESSAGES 2)").but("no", noMasters, "passwd-file"),
		mailOf("boss@home.test", "* STATUS INBOX (MESSAGES 0)"),

		figures("after two deliveries", "2 messages, as on disk").but("2 messages, as IMAP says", counting, "dict", "server"),
		figures("after an expunge", "1 messages, as on disk", expunge).but("1 messages, as IMAP says", counting, "dict", "server"),
		figures("after a recount", "-1 messages, as on disk", recount).but("1 messages, as IMAP says", counting, "dict", "server"),

		deliver("small@home.test", 600<<10, "250 2.0.0"),
		policy("room left", "small@home.test", 1000, "DUNNO"),
		policy("too large", "small@home.test", 600<<10, "552"),
		policy("unknown user", "nobody@home.test", 1000, "DUNNO"),
		deliver("small@home.test", 600<<10, "552 5.2.2"),
		deliver("dear@home.test", 600<<10, "250 2.0.0"),
	}
}

package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// checker collects what is wrong with values that have the right type.
type checker struct {
	c    *Config
	errs ConfigErrors
}

// check finds every value that cannot work, and fills Warnings and what is
// parsed once from the values.
func (c *Config) check() ConfigErrors {
	k := &checker{c: c}
	k.absolute("state_dir", c.StateDir)
	k.database()
	k.listeners()
	k.lookup()
	k.dovecot()
	k.guard()
	k.outside()
	k.dkim()
	k.alarms()
	k.mailboxes()
	k.dns()
	k.modoboa()
	k.jobs()
	k.policy()
	k.other()
	return k.errs
}

func (k *checker) fail(key, format string, args ...any) {
	e := &ConfigError{Key: key, Message: fmt.Sprintf(format, args...)}
	if p, ok := k.c.places.find(key); ok {
		e.Source, e.Line, e.Column = p.source, p.line, p.column
		if p.source == "-o "+key {
			e.Key = ""
		}
	}
	k.errs = append(k.errs, e)
}

func (k *checker) warn(key, format string, args ...any) {
	k.c.Warnings = append(k.c.Warnings, key+": "+fmt.Sprintf(format, args...))
}

// set reports whether a key was given, not defaulted.
func (k *checker) set(key string) bool {
	_, ok := k.c.places[key]
	return ok
}

func (k *checker) absolute(key, path string) {
	if !filepath.IsAbs(path) {
		k.fail(key, "%q is not an absolute path", path)
	}
}

func (k *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		k.fail(key, "%q is none of %s%s", value, strings.Join(allowed, ", "), suggestFrom(value, allowed))
	}
}

func (k *checker) notNegative(key string, n int) {
	if n < 0 {
		k.fail(key, "%d is negative", n)
	}
}

func (k *checker) positive(key string, d Duration) {
	if d <= 0 {
		k.fail(key, "must be more than 0s")
	}
}

func (k *checker) prefixes(key string, list []string) []netip.Prefix {
	var out []netip.Prefix
	for i, s := range list {
		p, err := netip.ParsePrefix(s)
		if a, err2 := netip.ParseAddr(s); err2 == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			k.fail(fmt.Sprintf("%s[%d]", key, i), "%q is not a network such as \"10.1.0.0/16\"", s)
			continue
		}
		out = append(out, p.Masked())
	}
	return out
}

// urlPassword finds a password inside a database URL.
var urlPassword = regexp.MustCompile(`//[^/@]*:[^@]+@|[?&]password=.`)

func (k *checker) database() {
	d := &k.c.Database
	if conn, err := db.Open(d.URL, db.Options{ReadOnly: true}); err != nil {
		k.fail("database.url", "%v: want sqlite:/path, postgres://user@host/database or mysql://user@host/database", err)
	} else {
		_ = conn.Close()
	}
	if d.PasswordFile != "" {
		k.absolute("database.password_file", d.PasswordFile)
		k.passwordFile(d.PasswordFile)
	}
	if urlPassword.MatchString(d.URL) && k.c.Path != "" && worldReadable(k.c.Path) {
		k.warn("database.url", "has a password, and every user can read %s: chmod 0640, or use database.password_file", k.c.Path)
	}
	if d.Poll > 0 && d.Poll.D().Milliseconds() < 10 {
		k.fail("database.poll", "%s is too often: at least 10ms, or 0s for never", d.Poll)
	}
}

func (k *checker) passwordFile(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		k.fail("database.password_file", "%v: the user that runs vmapd must be able to read it", err)
		return
	}
	k.c.password = strings.TrimRight(string(text), "\r\n")
	switch {
	case k.c.password == "":
		k.fail("database.password_file", "%s is empty", path)
	case strings.ContainsAny(k.c.password, "\r\n\x00"):
		k.fail("database.password_file", "%s has more than one line: it must hold the password alone", path)
	}
	if worldReadable(path) {
		k.warn("database.password_file", "every user can read %s: chmod 0640", path)
	}
}

func worldReadable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().Perm()&0o004 != 0
}

// transportName is a service of master.cf.
var transportName = regexp.MustCompile(`^[A-Za-z0-9_-]+:[\x21-\x7e]*$`)

func (k *checker) lookup() {
	l := &k.c.Lookup
	k.oneOf("lookup.sender_login", l.SenderLogin, lookup.SenderLogin110, lookup.SenderLogin2x, lookup.SenderLoginStrict)
	for _, r := range l.RecipientDelimiter {
		if r <= ' ' || r >= 0x7f || r == '@' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
			k.fail("lookup.recipient_delimiter", "%q cannot be a delimiter: want punctuation such as \"+\" or \"+-\"", r)
			break
		}
	}
	if !transportName.MatchString(l.LocalTransport) {
		k.fail("lookup.local_transport", "%q is not transport:nexthop, such as \"lmtp:unix:private/dovecot-lmtp\"", l.LocalTransport)
	}
	if l.Hold.D().Seconds() > 90 {
		k.fail("lookup.hold", "%s is too long: Postfix gives up after 100s, at most 90s", l.Hold)
	}
}

func (k *checker) dkim() {
	d := &k.c.DKIM
	k.absolute("dkim.key_dir", d.KeyDir)
	d.networks = k.prefixes("dkim.networks", d.Networks)
	k.oneOf("dkim.headers", d.Headers, "compat", "balanced", "strict")
	k.oneOf("dkim.canonicalization", d.Canon, "relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple")
	k.oneOf("dkim.subdomains", d.Subdomains, "exact", "parent")
	k.oneOf("dkim.alias_keys", d.AliasKeys, "own", "target")
	k.oneOf("dkim.generate", d.Generate, "auto", "always", "never")
	k.positive("dkim.replaced_keep", d.ReplacedKeep)
	if d.Retire.D() < keyring.MinRetire {
		k.fail("dkim.retire", "%s is too short: mail waits in queues for days, at least %s", d.Retire, Duration(keyring.MinRetire))
	}
	for i, r := range d.Resolvers {
		if _, err := resolve.ParseServer(r); err != nil {
			k.fail(fmt.Sprintf("dkim.resolvers[%d]", i), "%v", err)
		}
	}
	for i, n := range d.DaemonNames {
		if strings.TrimSpace(n) == "" {
			k.fail(fmt.Sprintf("dkim.daemon_names[%d]", i), "is empty")
		}
	}
}

// modoboa reads what takes the place of Modoboa's own parameters.
func (k *checker) modoboa() {
	m := &k.c.Modoboa
	m.overrides = parameters.Overrides{}
	for i, text := range m.Parameters {
		key := fmt.Sprintf("modoboa.parameters[%d]", i)
		p, _ := k.c.places.find(key)
		if err := m.overrides.Set(text, p.String()); err != nil {
			k.fail(key, "%v", err)
		}
	}
}

func (k *checker) jobs() {
	j := &k.c.Jobs
	k.oneOf("jobs.enabled", j.Enabled, "auto", "always", "never")
	k.oneOf("jobs.inactive_accounts", j.InactiveAccounts, "disable", "delete")
	for _, s := range []struct {
		key   string
		every Duration
	}{{"clean_logs", j.CleanLogs}, {"clean_inactive_accounts", j.CleanInactiveAccounts}, {"domain_usage", j.DomainUsage}, {"repair", j.Repair}} {
		if s.every > 0 && s.every.D() < time.Minute {
			k.fail("jobs."+s.key, "%s is too often: at least 1m, or 0s for by order alone", s.every)
		}
	}
}

func (k *checker) other() {
	if k.c.Shadow.Maps != "" {
		k.absolute("shadow.maps", k.c.Shadow.Maps)
	}
	k.oneOf("shadow.type", k.c.Shadow.Type, "", "pgsql", "mysql", "sqlite")
	if k.c.Shadow.Every < 1 {
		k.fail("shadow.every", "want 1 or more")
	}
	k.oneOf("log.level", k.c.Log.Level, "debug", "info", "warn", "error")
	k.oneOf("log.format", k.c.Log.Format, "console", "json")
}

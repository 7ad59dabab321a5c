package daemon

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/vmapd/vmapd/lookup/password"
)

// mechanism is the grammar of RFC 4422 section 3.1.
var mechanism = regexp.MustCompile(`^[A-Z0-9_-]{1,20}$`)

func (k *checker) dovecot() {
	d := &k.c.Dovecot
	k.absolute("dovecot.home", d.Home)
	k.notNegative("dovecot.uid", d.UID)
	k.notNegative("dovecot.gid", d.GID)
	k.mechanisms(d.Mechanisms)
	if d.PasswdFile != "" {
		k.absolute("dovecot.passwd_file", d.PasswdFile)
	}
	k.account("dovecot.passwd_file_group", d.PasswdFileGroup, lookupGroup)
	k.schemes(d)
	d.readers = nil
	for _, name := range d.PasswordReaders {
		uid, err := lookupUser(name)
		if err != nil {
			k.warn("dovecot.password_readers", "%v", err)
			continue
		}
		d.readers = append(d.readers, uid)
	}
}

func (k *checker) mechanisms(names []string) {
	if len(names) == 0 {
		k.fail("dovecot.mechanisms", "is empty: name at least PLAIN")
	}
	for i, m := range names {
		key := fmt.Sprintf("dovecot.mechanisms[%d]", i)
		switch {
		case !mechanism.MatchString(m):
			k.fail(key, "%q is not the name of a SASL mechanism (capital letters)", m)
		case len(mechanisms([]string{m})) == 0:
			k.fail(key, "%q is not in this version of vmapd: PLAIN and LOGIN are", m)
		}
	}
}

func (k *checker) schemes(d *Dovecot) {
	if !password.Known(d.DefaultScheme) {
		k.fail("dovecot.default_pass_scheme", "%q is no scheme of stored passwords%s", d.DefaultScheme, suggestScheme(d.DefaultScheme, false))
	}
	if d.rehash, d.rehashParams = "", (password.Params{}); d.Rehash == "" {
		return
	}
	var err error
	if d.rehash, d.rehashParams, err = password.ParseParams(d.Rehash); err != nil {
		hint := ""
		if name, _, _ := strings.Cut(d.Rehash, ":"); !password.Known(name) {
			hint = suggestScheme(name, true)
		}
		k.fail("dovecot.rehash", "%q: %v%s", d.Rehash, err, hint)
	}
}

// suggestScheme is suggestFrom for password schemes, those that can be made or
// all.
func suggestScheme(name string, made bool) string {
	var names []string
	for _, s := range password.Schemes() {
		if s.Makes || !made {
			names = append(names, strings.ToLower(s.Name)) // as good as in capitals
		}
	}
	return suggestFrom(name, names)
}

func (k *checker) guard() {
	g := &k.c.Guard
	g.exempt = append([]netip.Prefix{}, k.prefixes("guard.exempt", g.Exempt)...) // never nil, which would be the default
}

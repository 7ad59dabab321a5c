package postfixadmin

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/vmapd/vmapd/lookup/password"
)

// forms are hashes that name no {SCHEME}, by their form: what
// $CONF['encrypt'] has made in the releases of PostfixAdmin.
func forms() []struct{ form, scheme string } {
	return []struct{ form, scheme string }{
		{`^\$1\$`, "MD5-CRYPT"},
		{`^\$2[abxy]\$`, "BLF-CRYPT"},
		{`^\$5\$`, "SHA256-CRYPT"},
		{`^\$6\$`, "SHA512-CRYPT"},
		{`^\$argon2i\$`, "ARGON2I"},
		{`^\$argon2id\$`, "ARGON2ID"},
		{`^\$(y|7|sha1|md5|3)[$,]`, "CRYPT"}, // what else crypt(3) knows
		{`^[0-9a-fA-F]{32}$`, "PLAIN-MD5"},
		{`^[./0-9A-Za-z]{13}$`, "DES-CRYPT"},
	}
}

// passwords turns what PostfixAdmin stores into Modoboa's {SCHEME}hash.
type passwords struct {
	scheme string // of what names none, "" to go by its form
	forms  []*regexp.Regexp
	names  []string
}

func newPasswords(scheme string) *passwords {
	p := &passwords{scheme: strings.ToUpper(scheme)}
	for _, f := range forms() {
		p.forms = append(p.forms, regexp.MustCompile(f.form))
		p.names = append(p.names, f.scheme)
	}
	return p
}

var scheme = regexp.MustCompile(`^\{([A-Za-z0-9._-]+)\}`)

// stored returns a password as Modoboa stores it. The error says why nobody
// will log in with it, and holds nothing of it: with "" it was not
// understood, else it is kept as it was.
func (p *passwords) stored(s string) (string, error) {
	switch m := scheme.FindStringSubmatch(s); {
	case s == "":
		return "", errors.New("there is no password")
	case m != nil:
		s = courier(m[1], s[len(m[0]):])
	default:
		name := p.named(s)
		if name == "" {
			return "", errors.New("the form of the password is not known: name its scheme with --passwords-scheme (PLAIN if it is in clear), or set a new one")
		}
		s = "{" + name + "}" + s
	}
	if _, err := password.Parse(s, ""); err != nil {
		return s, fmt.Errorf("nobody can log in: %w", err)
	}
	return s, nil
}

func (p *passwords) named(s string) string {
	if p.scheme != "" {
		return p.scheme
	}
	for i, f := range p.forms {
		if f.MatchString(s) {
			return p.names[i]
		}
	}
	return ""
}

// courier translates the names that courier-authlib has for two schemes which
// Dovecot has under other names.
func courier(name, hash string) string {
	switch strings.ToLower(name) {
	case "md5raw":
		name = "PLAIN-MD5"
	case "md5": // of Dovecot's it is MD5-CRYPT
		if b, err := base64.StdEncoding.DecodeString(hash); err == nil && len(b) == 16 {
			name = "LDAP-MD5"
		}
	}
	return "{" + name + "}" + hash
}

package opendkim

import (
	"regexp"
	"strings"
)

// Rule is a line of the SigningTable with the key it names, or the one Domain
// of an OpenDKIM without tables.
type Rule struct {
	Place
	Pattern  string `json:"pattern"`            // which authors
	KeyName  string `json:"key_name,omitempty"` // in the KeyTable; "%": the author's domain
	Domain   string `json:"domain,omitempty"`   // d=; "%": the author's domain
	Selector string `json:"selector,omitempty"` // s=
	KeyFile  string `json:"key_file,omitempty"` // "%" stands for the domain; "" if the key is in the table itself
	Inline   bool   `json:"inline,omitempty"`   // the key is in the table itself
	Identity string `json:"identity,omitempty"` // i=
	Means    string `json:"means"`              // what becomes of it

	regexp *regexp.Regexp // of refile
}

// Signature is what OpenDKIM would put on a message.
type Signature struct {
	Domain, Selector, KeyFile, Identity string
	Rule                                Rule
}

// key is a row of the KeyTable.
type key struct {
	Place
	domain, selector, file string
	inline, used           bool
}

// tables is what SigningTable and KeyTable say together.
type tables struct {
	refile   bool
	multiple bool
	rules    []Rule
	keys     map[string]*key
}

// readKeys reads the KeyTable. As in OpenDKIM the first of several rows with
// one name counts.
func (r *reader) readKeys(d dataset) map[string]*key {
	keys := map[string]*key{}
	for _, e := range d.entries {
		if first, dup := keys[e.key]; dup {
			r.fail(e.Place, "the key %s is at %s already: this line is never used", clean(e.key), first.Place)
			continue
		}
		part := strings.SplitN(e.value, ":", 3)
		if len(part) < 3 || part[0] == "" || part[1] == "" || part[2] == "" {
			r.fail(e.Place, "the key %s is not DOMAIN:SELECTOR:KEY", clean(e.key))
			continue
		}
		k := &key{Place: e.Place, domain: part[0], selector: part[1], file: part[2]}
		if !strings.HasPrefix(k.file, "/") && !strings.HasPrefix(k.file, "./") && !strings.HasPrefix(k.file, "../") {
			k.file, k.inline = "", true
		}
		keys[e.key] = k
	}
	return keys
}

// readRules reads the SigningTable. keys is nil if the KeyTable is not known.
func (r *reader) readRules(d dataset, keys map[string]*key) []Rule {
	var rules []Rule
	first := map[string]Place{}
	for _, e := range d.entries {
		name, identity, _ := strings.Cut(e.value, ":")
		rule := Rule{Place: e.Place, Pattern: e.key, KeyName: name, Identity: identity}
		folded := strings.ToLower(e.key)
		if p, dup := first[folded]; dup && !(d.kind == "refile" && r.on("MultipleSignatures")) {
			r.fail(e.Place, "%s is at %s already: this line is never used", clean(e.key), p)
			continue
		}
		first[folded] = e.Place
		if name == "" {
			r.fail(e.Place, "%s names no key", clean(e.key))
			continue
		}
		if d.kind == "refile" {
			re, err := compile(e.key)
			if err != nil {
				r.fail(e.Place, "%s is no pattern: %v", clean(e.key), err)
				continue
			}
			rule.regexp = re
		}
		if keys != nil && name != "%" {
			k, ok := keys[name]
			if !ok {
				r.fail(e.Place, "the KeyTable has no key %s: OpenDKIM defers this mail", clean(name))
				continue
			}
			k.used = true
			rule.Domain, rule.Selector, rule.KeyFile, rule.Inline = k.domain, k.selector, k.file, k.inline
		}
		rules = append(rules, rule)
	}
	return rules
}

// compile makes of a pattern what OpenDKIM makes of it: "*" is any text, "+"
// and "." are themselves, and all else is an extended regular expression.
func compile(pattern string) (*regexp.Regexp, error) {
	posix := strings.NewReplacer("*", ".*", "+", `\+`, ".", `\.`).Replace(pattern)
	if _, err := regexp.CompilePOSIX("^" + posix + "$"); err != nil {
		return nil, err
	}
	return regexp.Compile("(?is)^" + posix + "$")
}

// For returns the signatures that OpenDKIM would make for mail from an author
// that may be signed, in order. With MultipleSignatures there are never more
// than two: of its list of requests OpenDKIM 2.11 keeps the first and the last
// (dkimf_add_signrequest).
func (p *Plan) For(address string) []Signature {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || p.tables == nil {
		return nil
	}
	user, domain := address[:at], strings.ToLower(address[at+1:])
	var out []Signature
	for _, rule := range p.tables.matches(user, domain) {
		s, ok := p.tables.sign(rule, domain)
		if !ok {
			break // OpenDKIM defers the message
		}
		out = append(out, s)
		if !p.tables.multiple {
			break
		}
	}
	if len(out) > 2 {
		out = []Signature{out[0], out[len(out)-1]}
	}
	return out
}

// matches returns the rules for an author in the order that OpenDKIM finds them.
func (t *tables) matches(user, domain string) []Rule {
	var out []Rule
	if t.refile {
		for _, rule := range t.rules {
			if rule.regexp.MatchString(user + "@" + domain) {
				out = append(out, rule)
			}
		}
		return out
	}
	probes := []string{user + "@" + domain, domain}
	for rest := domain; ; {
		i := strings.IndexByte(rest, '.')
		if i < 0 {
			break
		}
		probes = append(probes, user+"@"+rest[i:], rest[i:])
		rest = rest[i+1:]
	}
	for _, probe := range append(probes, user+"@*", "*") {
		for _, rule := range t.rules {
			if strings.EqualFold(rule.Pattern, probe) {
				out = append(out, rule)
				break
			}
		}
	}
	return out
}

// sign puts the author's domain where the tables have "%".
func (t *tables) sign(rule Rule, domain string) (Signature, bool) {
	s := Signature{Domain: rule.Domain, Selector: rule.Selector, KeyFile: rule.KeyFile, Rule: rule}
	if rule.KeyName == "%" {
		k, ok := t.keys[domain]
		if !ok {
			return s, false
		}
		s.Domain, s.Selector, s.KeyFile = k.domain, k.selector, k.file
	}
	if s.Domain == "%" {
		s.Domain = domain
	}
	s.KeyFile = strings.ReplaceAll(s.KeyFile, "%", s.Domain)
	s.Identity = strings.ReplaceAll(rule.Identity, "%", domain)
	return s, true
}

// means says what becomes of a rule in vmapd, which signs by the author's
// domain, with keys that belong to it.
func (rule *Rule) means(refile bool) string {
	user, domain := rule.authors(refile)
	own := rule.Domain == "%" || rule.KeyName == "%" || strings.EqualFold(rule.Domain, strings.TrimPrefix(domain, "."))
	switch {
	case rule.regexp != nil && strings.ContainsAny(rule.Pattern, `()[]{}|?^$\`):
		return "dropped: a regular expression; vmapd signs by the author's domain"
	case user != "*" && user != "":
		return "dropped: for some addresses alone; vmapd signs by the author's domain"
	case domain == "*" && own:
		return "each domain with its own key: enable DKIM for those that are to be signed"
	case domain == "*":
		return "dropped: a signature of " + clean(rule.Domain) + " on the mail of others; vmapd signs with the author's domain, as DMARC wants it"
	case strings.Contains(strings.TrimPrefix(domain, "."), "*"):
		return "dropped: a pattern of domains; enable DKIM for each of them"
	case strings.HasPrefix(domain, ".") && rule.Domain != "%" && own:
		return `subdomains sign with the key of ` + clean(domain[1:]) + `: dkim.subdomains = "parent"`
	case strings.HasPrefix(domain, "."):
		return "each subdomain with its own key: enable DKIM for those that are to be signed"
	case own && rule.Inline:
		return "the key is in the table itself: write it into a file below dkim.key_dir, then enter selector and path for the domain"
	case own:
		return "enable DKIM for the domain, with this selector and path"
	case strings.HasSuffix(strings.ToLower(domain), "."+strings.ToLower(rule.Domain)):
		return `signs with the key of a parent domain: dkim.subdomains = "parent"`
	}
	return "dropped: a signature of another domain; vmapd signs with the author's domain, as DMARC wants it"
}

// authors splits a pattern: user is "*" or "" for all, domain begins with "."
// for subdomains, and is "*" for all.
func (rule *Rule) authors(refile bool) (user, domain string) {
	user, domain = "*", strings.ToLower(rule.Pattern)
	if i := strings.LastIndexByte(domain, '@'); i >= 0 {
		user, domain = domain[:i], domain[i+1:]
	} else if refile && domain != "*" {
		// A pattern is held against the whole address.
		if !strings.HasPrefix(domain, "*") {
			return "?", domain
		}
		return "*", domain
	}
	if refile {
		if rest, ok := strings.CutPrefix(domain, "*."); ok {
			domain = "." + rest
		}
	}
	return user, domain
}

package opendkim

import (
	"path/filepath"
	"strings"
)

// entry is a row of a data set.
type entry struct {
	Place
	key, value string
}

// dataset is what an option names that takes a set or a table.
type dataset struct {
	Place
	kind    string // file, refile, csl, dsn, or one that is not read here
	path    string // of file and refile
	entries []entry
	dsn     *DSN // of dsn
}

var knownKinds = []string{"csl", "file", "refile", "db", "dsn", "ldap", "ldapi", "ldaps", "lua", "memcache", "repute", "socket", "mdb", "erlang"}

// split tells the kind of a data set from its content.
func split(value string) (kind, rest string, ok bool) {
	colon, comma := strings.IndexByte(value, ':'), strings.IndexByte(value, ',')
	if colon >= 0 && (comma < 0 || colon < comma) {
		for _, k := range knownKinds {
			if strings.EqualFold(k, value[:colon]) {
				return k, value[colon+1:], true
			}
		}
		return "", "", false
	}
	switch {
	case strings.HasSuffix(value, ".db"):
		return "db", value, true
	case strings.HasPrefix(value, "/"):
		return "file", value, true
	}
	return "csl", value, true
}

// dataset reads what an option names. What is wrong becomes a problem, and ok
// is false if nothing is known of the content.
func (r *reader) dataset(l line) (d dataset, ok bool) {
	kind, rest, ok := split(l.value)
	if !ok {
		r.fail(l.Place, "%s: %s is no kind of data set (a list with \":\" in its first entry begins with csl:)", l.option.name, clean(kindOf(l.value)))
		return d, false
	}
	d = dataset{Place: l.Place, kind: kind}
	switch kind {
	case "csl":
		d.entries = csl(l.Place, rest)
	case "file", "refile":
		d.path = rest
		if !filepath.IsAbs(rest) {
			d.path = filepath.Join(r.base, rest)
		}
		text, read := r.file(l.Place, d.path)
		if !read {
			return d, false
		}
		d.entries = table(d.path, text)
	case "dsn":
		dsn, err := parseDSN(rest)
		if err != nil {
			r.fail(l.Place, "%s: %v", l.option.name, err)
			return d, false
		}
		d.dsn = dsn
		return d, false
	default:
		r.fail(l.Place, "%s: data sets of the kind %s are not read: write its content into a file and name that", l.option.name, kind)
		return d, false
	}
	return d, true
}

func kindOf(value string) string {
	kind, _, _ := strings.Cut(value, ":")
	return kind
}

// csl reads "key=value, key=value".
func csl(p Place, text string) []entry {
	var out []entry
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		out = append(out, entry{p, strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return out
}

// table reads lines of a key, blanks, and the rest as its value.
func table(path string, text []byte) []entry {
	var out []entry
	n := 0
	for raw := range strings.SplitSeq(string(text), "\n") {
		n++
		if i := strings.IndexAny(raw, "#\x00"); i >= 0 {
			raw = raw[:i]
		}
		raw = strings.Trim(raw, " \t\r\v\f")
		if raw == "" {
			continue
		}
		e := entry{Place: Place{path, n}, key: raw}
		if i := strings.IndexAny(raw, " \t\r\v\f"); i >= 0 {
			e.key, e.value = raw[:i], strings.Trim(raw[i:], " \t\r\v\f")
		}
		out = append(out, e)
	}
	return out
}

// keys returns the keys of a set, without empty ones.
func (d dataset) keys() []string {
	var out []string
	for _, e := range d.entries {
		if e.key != "" {
			out = append(out, e.key)
		}
	}
	return out
}

package opendkim

import (
	"errors"
	"slices"
	"strings"
)

// DSN describes an SQL data set. The password is not kept.
type DSN struct {
	Backend  string   `json:"backend"` // pgsql, mysql, sqlite3 ...
	User     string   `json:"user,omitempty"`
	Password bool     `json:"password"` // there is one in the file
	Host     string   `json:"host"`
	Port     string   `json:"port,omitempty"`
	Database string   `json:"database"`
	Table    string   `json:"table"`
	Key      string   `json:"key"`  // keycol
	Data     []string `json:"data"` // datacol
	Filter   string   `json:"filter,omitempty"`
}

var errDSN = errors.New("a dsn is BACKEND://[USER[:PASSWORD]@][PORT+]HOST/DATABASE/table=T?keycol=K?datacol=A,B")

// parseDSN reads what follows "dsn:".
func parseDSN(s string) (*DSN, error) {
	d := new(DSN)
	rest := ""
	var ok bool
	if d.Backend, rest, ok = strings.Cut(s, "://"); !ok || d.Backend == "" {
		return nil, errDSN
	}
	for part := ""; ; {
		i := strings.IndexAny(rest, ":@+/")
		if i < 0 {
			return nil, errDSN
		}
		mark := rest[i]
		part, rest = rest[:i], rest[i+1:]
		switch {
		case mark == ':' && d.User == "" && d.Host == "":
			d.User = part
		case mark == '@' && d.Host == "" && d.User == "":
			d.User = part
		case mark == '@' && d.Host == "" && !d.Password:
			d.Password = part != ""
		case mark == '+' && d.Host == "":
			d.Port = part
		case mark == '/' && d.Host == "" && part != "":
			d.Host = part
		case mark == '/' && d.Host != "":
			d.Database = part
			return d, d.columns(rest)
		default:
			return nil, errDSN
		}
	}
}

func (d *DSN) columns(s string) error {
	for pair := range strings.SplitSeq(s, "?") {
		name, value, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "table":
			d.Table = value
		case "keycol":
			d.Key = value
		case "datacol":
			d.Data = strings.Split(value, ",")
		case "filter":
			d.Filter = value
		}
	}
	if d.Table == "" || d.Key == "" || len(d.Data) == 0 || d.Data[0] == "" {
		return errDSN
	}
	return nil
}

// modoboa reports whether this is the view that Modoboa's documentation and
// installer make.
func (d *DSN) modoboa() bool {
	return d.Table == "dkim" && (d.Key == "id" && slices.Equal(d.Data, []string{"domain_name", "selector", "private_key_path"}) ||
		d.Key == "domain_name" && slices.Equal(d.Data, []string{"id"}))
}

// url gives vmapd's database.url, "" if it has no such database.
func (d *DSN) url() string {
	host := d.Host
	if d.Port != "" {
		host += ":" + d.Port
	}
	user := d.User
	if user != "" {
		user += "@"
	}
	switch strings.ToLower(d.Backend) {
	case "pgsql":
		return "postgres://" + user + host + "/" + d.Database
	case "mysql":
		return "mysql://" + user + host + "/" + d.Database
	}
	return ""
}

// shown is the value of an option without its secrets.
func (l line) shown() string {
	kind, _, ok := split(l.value)
	if l.option.name == "LDAPBindPassword" || l.option.name == "KeyTable" && (!ok || kind == "csl") {
		return "..." // a list of keys may hold the keys themselves
	}
	return masked(l.value)
}

// masked hides the password in the value of an option.
func masked(value string) string {
	head, rest, ok := strings.Cut(value, "://")
	if !ok || !strings.HasPrefix(strings.ToLower(value), "dsn:") {
		return value
	}
	at := strings.LastIndexByte(rest, '@') // a password may hold one
	if at < 0 {
		return value
	}
	user, _, has := strings.Cut(rest[:at], ":")
	if !has {
		return value
	}
	return head + "://" + user + ":...@" + rest[at+1:]
}

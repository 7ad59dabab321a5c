package db

import (
	"errors"
	"net/url"
	"strings"
)

// address is a database URL taken apart.
type address struct {
	dialect  Dialect
	scheme   string
	user     string
	password string
	network  string // "tcp" or "unix"; MySQL only
	host     string // as written: host, host:port, [v6]:port, or the path of a socket
	database string
	path     string // SQLite: the file
	query    string // raw, without any password
	actual   string // PostgreSQL: the host after the environment had its say
}

func knownScheme(s string) bool {
	_, ok := dialectOf(s)
	return ok
}

func dialectOf(scheme string) (Dialect, bool) {
	switch scheme {
	case "sqlite":
		return SQLite, true
	case "postgres", "postgresql":
		return PostgreSQL, true
	case "mysql", "mariadb":
		return MySQL, true
	}
	return 0, false
}

// parseURL takes a database URL apart. It is not net/url's: that cannot read
// "unix(/path)" as a host, and repeats the whole URL, password included, in
// its errors. The error is a *ConnectError and quotes no part of s that may be
// secret.
func parseURL(s string) (address, error) {
	scheme, rest, ok := strings.Cut(s, ":")
	d, known := dialectOf(scheme)
	if !ok || !known {
		return address{}, &ConnectError{Kind: BadURL, Err: errors.New("the database URL begins with no known scheme")}
	}
	a := address{dialect: d, scheme: scheme}
	var err error
	if d == SQLite {
		err = a.parseFile(rest)
	} else {
		err = a.parseServer(rest)
	}
	if err != nil {
		return address{}, &ConnectError{Kind: BadURL, Dialect: d, Name: scheme + ":…", Err: err}
	}
	return a, nil
}

// parseFile reads "path?query"; "//" before an absolute path is tolerated.
func (a *address) parseFile(s string) error {
	path, query, _ := strings.Cut(s, "?")
	if strings.HasPrefix(path, "///") {
		path = path[2:]
	}
	switch {
	case path == "":
		return errors.New("the path of the file is missing")
	case strings.HasPrefix(path, "//"):
		return errors.New("a file has no host: write sqlite:/path")
	case strings.HasPrefix(path, ":memory:"):
		return errors.New("a database in memory would be another one for each connection: name a file")
	case strings.ContainsRune(path, 0):
		return errors.New("NUL in the path")
	}
	if _, err := url.ParseQuery(query); err != nil {
		return errors.New("what follows the ? is not key=value&key=value")
	}
	a.path, a.query = path, query
	return nil
}

// parseServer reads "//[user[:password]@]host/database[?query]".
func (a *address) parseServer(s string) error {
	s, ok := strings.CutPrefix(s, "//")
	if !ok {
		return errors.New(`"//" must follow the scheme`)
	}
	authority, path, query := splitAuthority(s)
	i := strings.LastIndexByte(authority, '@')
	// An "@" that comes later is most likely the end of a password that has a
	// "/", "?" or "#" in it; what was taken for host or path is then secret.
	if strings.ContainsAny(path, "@#") || strings.ContainsAny(query, "@#") {
		return errors.New(`"@", "/", "?" and "#" in user, password, database or parameters must be percent-encoded`)
	}
	if i >= 0 {
		if err := a.parseUser(authority[:i]); err != nil {
			return err
		}
	}
	if err := a.parseHost(authority[i+1:]); err != nil {
		return err
	}
	name, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil || strings.ContainsAny(name, "/\x00") {
		return errors.New("bad database name after the host")
	}
	a.database = name
	return a.parseQuery(query)
}

func (a *address) parseUser(s string) error {
	user, password, _ := strings.Cut(s, ":")
	var err1, err2 error
	a.user, err1 = url.PathUnescape(user)
	a.password, err2 = url.PathUnescape(password)
	if err1 != nil || err2 != nil || strings.ContainsRune(a.user+a.password, 0) {
		return errors.New(`bad percent-encoding before the "@" (a "%" itself is written %25)`)
	}
	return nil
}

// parseQuery keeps the parameters for the driver and takes a password out of
// them.
func (a *address) parseQuery(s string) error {
	if s == "" {
		return nil
	}
	var kept []string
	for pair := range strings.SplitSeq(s, "&") {
		key, value, _ := strings.Cut(pair, "=")
		k, err1 := url.QueryUnescape(key)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || strings.ContainsAny(pair, ";#") {
			return errors.New("what follows the ? is not key=value&key=value")
		}
		switch k {
		case "password":
			a.password = v
		case "sslpassword":
			return errors.New("sslpassword in the URL is not supported: keep the key file unencrypted and mode 0600")
		default:
			kept = append(kept, pair)
		}
	}
	a.query = strings.Join(kept, "&")
	return nil
}

package db

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func TestParseURL(t *testing.T) {
	tests := []struct {
		name, url string
		want      address
		redacted  string
	}{
		{"absolute file", "sqlite:/var/lib/vmapd/vmapd.db", address{dialect: SQLite, path: "/var/lib/vmapd/vmapd.db"}, ""},
		{"relative file", "sqlite:vmapd.db", address{dialect: SQLite, path: "vmapd.db"}, ""},
		{"three slashes", "sqlite:///srv/a.db", address{dialect: SQLite, path: "/srv/a.db"}, "sqlite:/srv/a.db"},
		{"file with parameters", "sqlite:a.db?_pragma=cache_size(-9)", address{dialect: SQLite, path: "a.db", query: "_pragma=cache_size(-9)"}, ""},
		{"file name with odd bytes", "sqlite:/a b#c%d.db", address{dialect: SQLite, path: "/a b#c%d.db"}, ""},
		{"postgres", "postgres://bob:s3cret@db.example:5433/mail", address{dialect: PostgreSQL, user: "bob", password: "s3cret", network: "tcp", host: "db.example:5433", database: "mail"}, "postgres://bob@db.example:5433/mail"},
		{"postgres without user", "postgresql://db.example/mail", address{dialect: PostgreSQL, network: "tcp", host: "db.example", database: "mail"}, ""},
		{"postgres on a socket", "postgres://bob@/mail?host=/run/postgresql", address{dialect: PostgreSQL, user: "bob", network: "tcp", database: "mail", query: "host=/run/postgresql"}, ""},
		{"password as a parameter", "postgres://db/mail?password=s3cret&sslmode=require", address{dialect: PostgreSQL, password: "s3cret", network: "tcp", host: "db", database: "mail", query: "sslmode=require"}, "postgres://db/mail?sslmode=require"},
		{"two hosts", "postgres://bob@a:5432,b:5433/mail", address{dialect: PostgreSQL, user: "bob", network: "tcp", host: "a:5432,b:5433", database: "mail"}, ""},
		{"ipv6", "mysql://bob@[2001:db8::1]:3307/mail", address{dialect: MySQL, user: "bob", network: "tcp", host: "[2001:db8::1]:3307", database: "mail"}, ""},
		{"encoded password", "mysql://bob:a%40b%2Fc%3Ad%3F%23%25@h/mail", address{dialect: MySQL, user: "bob", password: "a@b/c:d?#%", network: "tcp", host: "h", database: "mail"}, "mysql://bob@h/mail"},
		{"colon in the password", "mysql://bob:a:b@h/mail", address{dialect: MySQL, user: "bob", password: "a:b", network: "tcp", host: "h", database: "mail"}, "mysql://bob@h/mail"},
		{"at sign in the password", "mysql://bob:a@b@h/mail", address{dialect: MySQL, user: "bob", password: "a@b", network: "tcp", host: "h", database: "mail"}, "mysql://bob@h/mail"},
		{"mysql socket", "mysql://bob:s3cret@unix(/run/mysqld/mysqld.sock)/mail", address{dialect: MySQL, user: "bob", password: "s3cret", network: "unix", host: "/run/mysqld/mysqld.sock", database: "mail"}, "mysql://bob@unix(/run/mysqld/mysqld.sock)/mail"},
		{"mysql socket without user", "mariadb://unix(/run/m.sock)/mail?tls=false", address{dialect: MySQL, network: "unix", host: "/run/m.sock", database: "mail", query: "tls=false"}, ""},
		{"mysql tcp in parentheses", "mysql://bob@tcp(h:3306)/mail", address{dialect: MySQL, user: "bob", network: "tcp", host: "h:3306", database: "mail"}, "mysql://bob@h:3306/mail"},
		{"encoded user and database", "postgres://a%3Ab@h/m%40il", address{dialect: PostgreSQL, user: "a:b", network: "tcp", host: "h", database: "m@il"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseURL(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			tt.want.scheme, _, _ = strings.Cut(tt.url, ":")
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(address{})); diff != "" {
				t.Errorf("parseURL(%q) -want +got:\n%s", tt.url, diff)
			}
			want := tt.redacted
			if want == "" {
				want = tt.url
			}
			if got := Redact(tt.url); got != want {
				t.Errorf("Redact = %q, want %q", got, want)
			}
		})
	}
}

func TestBadURLs(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"empty", "", "no known scheme"},
		{"no scheme", "/var/lib/x.db", "no known scheme"},
		{"unknown scheme", "oracle://bob:s3cret@h/x", "no known scheme"},
		{"scheme in capitals", "SQLITE:/x", "no known scheme"},
		{"no path", "sqlite:", "path of the file is missing"},
		{"file with host", "sqlite://host/x", "write sqlite:/path"},
		{"in memory", "sqlite::memory:", "name a file"},
		{"bad file parameters", "sqlite:x?%zz", "key=value"},
		{"no slashes", "postgres:bob:s3cret@h/x", `"//" must follow`},
		{"bad port", "postgres://bob:s3cret@h:http/x", "bad port"},
		{"port 0", "mysql://bob:s3cret@h:0/x", "bad port"},
		{"port too large", "mysql://bob:s3cret@h:65536/x", "bad port"},
		{"slash in the password", "postgres://bob:s3/cret@h/x", "percent-encoded"},
		{"question mark in the password", "postgres://bob:s3?cret@h/x", "percent-encoded"},
		{"number sign in the password", "postgres://bob:12#s3cret@h/x", "percent-encoded"},
		{"percent sign in the password", "mysql://bob:s3cret%@h/x", "percent-encoding"},
		{"space in the host", "mysql://bob:s3cret@h h/x", "bad host name"},
		{"socket for postgres", "postgres://bob:s3cret@unix(/run/x)/x", "write host"},
		{"socket not closed", "mysql://bob:s3cret@unix(/run/x/x", "write host"},
		{"relative socket", "mysql://bob:s3cret@unix(x)/x", "absolute path"},
		{"bad brackets", "mysql://bob:s3cret@[::1/x", "bad IPv6"},
		{"path below the database", "mysql://bob:s3cret@h/x/y", "bad database name"},
		{"mysql without database", "mysql://bob:s3cret@h", "name is missing"},
		{"mysql with a bad parameter", "mysql://bob:s3cret@h/x?tls=nonsense", "tls"},
		{"postgres with a bad parameter", "postgres://bob:s3cret@h/x?sslmode=nonsense", "sslmode"},
		{"bad parameters", "postgres://bob:s3cret@h/x?%zz=1", "key=value"},
		{"sslpassword", "postgres://bob@h/x?sslpassword=s3cret", "sslpassword"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Open(tt.url, Options{})
			if err == nil {
				d.Close()
				t.Fatalf("Open(%q) succeeded", tt.url)
			}
			var e *ConnectError
			if !errors.As(err, &e) || e.Kind != BadURL || !strings.Contains(e.Remedy(), "database.url") {
				t.Errorf("Open(%q): %#v, want a ConnectError of kind BadURL with a remedy", tt.url, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open(%q): %v, want something with %q", tt.url, err, tt.want)
			}
			for _, s := range []string{err.Error(), Redact(tt.url)} {
				if strings.Contains(s, "s3") || strings.Contains(s, "cret") {
					t.Errorf("%q holds the password of %q", s, tt.url)
				}
			}
		})
	}
}

// TestNoPasswordInName builds URLs out of arbitrary passwords.
func TestNoPasswordInName(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		password := rapid.StringMatching(`[!-~]{4,20}`).Draw(t, "password")
		scheme := rapid.SampledFrom([]string{"postgres", "mysql"}).Draw(t, "scheme")
		s := scheme + "://u:" + url.QueryEscape(password) + "@h/d"
		d, err := Open(s, Options{})
		if err != nil {
			t.Fatalf("Open(%q): %v", s, err)
		}
		defer d.Close()
		if want := scheme + "://u@h/d"; d.Name != want || Redact(s) != want {
			t.Fatalf("Name = %q, Redact = %q, want %q", d.Name, Redact(s), want)
		}
		if d.url.password != password {
			t.Fatalf("password = %q, want %q", d.url.password, password)
		}
	})
}

// FuzzParseURL: whatever is accepted reads back from its redacted form, which
// has no password.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"sqlite:/a?b=c", "postgres://u:p@h:1/d?x=y", "postgres://u@/d?host=/run", "mysql://u:p@unix(/a/b)/d",
		"mysql://tcp([::1]:3)/d", "mariadb://u:a@b:c@h,i:2/%41", "postgres://u:p/q@h/d", "postgres://?password=x&a", "mysql://@unix(/a", "sqlite:///a", "x:",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseURL(s)
		if err != nil {
			return
		}
		again, err := parseURL(a.redacted())
		if err != nil {
			t.Fatalf("%q becomes %q: %v", s, a.redacted(), err)
		}
		a.password = ""
		if a != again {
			t.Fatalf("%q becomes %q:\n%#v\n%#v", s, a.redacted(), a, again)
		}
	})
}

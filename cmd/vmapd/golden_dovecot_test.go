package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/dovecot"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestGoldenDovecot asks the dict "auth" what Modoboa's own queries for Dovecot
// answered, over a database that Modoboa 2.9.3 made, on all three engines.
// VMAPD_FIXTURES names a folder with modoboa/2.9.3/expected-dovecot.tsv beside
// the dumps of TestGolden.
func TestGoldenDovecot(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES names no folder with databases of Modoboa and the answers of its queries")
	}
	dir = filepath.Join(dir, "modoboa", "2.9.3")
	text, err := os.ReadFile(filepath.Join(dir, "expected-dovecot.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	dumps := map[string][]string{
		"sqlite": {"sqlite-full.sql"}, "postgres": {"postgres-schema.sql", "postgres-data.sql"}, "mariadb": {"mariadb-full.sql"},
	}
	dbtest.Each(t, func(t *testing.T, url string) {
		engine := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
		for _, f := range dumps[engine] {
			dbtest.RunFiles(t, url, filepath.Join(dir, f))
		}
		d := goldenAuth{goldenDict(t, url), engine != "postgres"}
		n := 0
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(f) == 4 && d.compare(t, f[0], f[1], f[2], f[3]) {
				n++
			}
		}
		if n < 350 {
			t.Errorf("only %d answers compared", n)
		}
	})
}

type goldenAuth struct {
	dict.Dict
	salted bool // the salts are others than those of the file, which PostgreSQL gave
}

func goldenDict(t *testing.T, url string) dict.Dict {
	r := goldenResolver(t, url, lookup.SenderLogin2x)
	o := login.Options{Home: "/srv/vmail/%d/%n", UID: 5000, GID: 5000, DefaultScheme: "CRYPT"}
	dicts := &dovecot.Dicts{Logins: login.New(r, &password.Pool{}, nil, login.Hooks{}, o), Data: r, MayReadHashes: func(uint32) bool { return true }}
	d, err := dicts.Open(&dict.Client{Name: "auth", PeerKnown: true})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hashes are those of the file and of the dumps: all of one scheme, and of
// passwords that are the same everywhere.
var hashes = regexp.MustCompile(`\}\$[^|]*`)

// compare asks one question; false if it is none for a dict.
func (d goldenAuth) compare(t *testing.T, query, service, user, want string) bool {
	t.Helper()
	var got string
	switch {
	case strings.HasPrefix(query, "password_query"):
		got = d.ask(t, "passdb/"+service+"/"+user, "user", "password", "userdb_home", "userdb_uid", "userdb_gid", "userdb_quota_rule")
		if service == "lmtp" && got == notFound+" userdb_home" {
			return true // LMTP asks for no password, and gets no mailbox that is for sending only in this way either
		}
		if strings.HasPrefix(want, user+"||") {
			want = notFound // no password is no login, and SQL leaves that to Dovecot
		}
	case strings.HasPrefix(query, "user_query"):
		got = d.ask(t, "userdb/"+service+"/"+user, "home", "uid", "gid", "quota_rule")
	case strings.HasPrefix(query, "userdb sql"):
		got = d.ask(t, "userdb/"+service+"/"+user, "home", "uid", "gid", "quota_storage_size")
	case strings.HasPrefix(query, "master"):
		got = d.ask(t, "master/"+user, "user", "password")
	case query == "iterate_query":
		got = d.iterate(t)
		want = strings.TrimPrefix(want, ",") // accounts without a mailbox are no users
	default:
		return false
	}
	if d.salted {
		got, want = hashes.ReplaceAllString(got, "}"), hashes.ReplaceAllString(want, "}")
	}
	if got != want {
		t.Errorf("%s, %s, %s:\n got %s\nwant %s", query, service, user, got, want)
	}
	return true
}

// ask returns fields of an answer, with a bar between them as in the file.
func (d goldenAuth) ask(t *testing.T, key string, fields ...string) string {
	t.Helper()
	value, found, err := d.Lookup(context.Background(), &dict.Request{Key: []byte("shared/" + key)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		return notFound
	}
	var answer map[string]any
	if err := json.Unmarshal(value, &answer); err != nil {
		t.Fatalf("%s: %q: %v", key, value, err)
	}
	var out []string
	for _, f := range fields {
		if answer[f] == nil {
			return notFound + " " + f // no userdb: a send-only mailbox
		}
		out = append(out, fmt.Sprint(answer[f]))
	}
	return strings.Join(out, "|")
}

func (d goldenAuth) iterate(t *testing.T) string {
	t.Helper()
	var users []string
	err := d.Iterate(context.Background(), &dict.IterateRequest{Paths: [][]byte{[]byte("shared/userdb/")}}, func(key, _ []byte) bool {
		users = append(users, strings.TrimPrefix(string(key), "shared/userdb/"))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(users)
	return strings.Join(users, ",")
}

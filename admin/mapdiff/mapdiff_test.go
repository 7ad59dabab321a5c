package mapdiff

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup"
)

var options = lookup.Options{RecipientDelimiter: "+", ParentDomains: true}

// TestSteps holds the steps against Postfix's (mail_addr_find.c, match_list.c,
// transport.c): what is asked, of which map, in order.
func TestSteps(t *testing.T) {
	plain, pattern := Map{Partial: true}, Map{}
	for _, c := range []struct {
		table, key string
		maps       []Map
		want       []string
	}{
		{"domains", "Home.Test", []Map{plain}, []string{"0 home.test"}},
		{"relay-domains", "a.b.test", []Map{plain}, []string{"0 a.b.test", "0 b.test", "0 test"}},
		{"relay-domains", "a.b.test", []Map{pattern}, []string{"0 a.b.test"}},
		{"aliases", "User+Ext@Home.test", []Map{plain}, []string{"0 user+ext@home.test", "0 user@home.test +Ext", "0 @home.test"}},
		{"aliases", "user@home.test", []Map{plain}, []string{"0 user@home.test", "0 @home.test"}},
		{"sender-login", "user+ext@home.test", []Map{pattern}, []string{"0 user+ext@home.test"}},
		{"sender-login", "user+ext@home.test", []Map{plain, pattern}, []string{"0 user+ext@home.test", "1 user+ext@home.test", "0 user@home.test", "0 @home.test"}},
		{"maintain", "user+ext@home.test", []Map{pattern}, []string{"0 user+ext@home.test"}},
		{"transport", "u+e@a.test", []Map{plain, pattern}, []string{"0 u+e@a.test", "1 u+e@a.test", "0 u@a.test", "0 a.test", "0 .test", "0 *", "1 *"}},
	} {
		var got []string
		for _, s := range steps(c.table, c.maps, c.key, &options) {
			got = append(got, strings.TrimSpace(string(rune('0'+s.of))+" "+s.key+" "+s.extension))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", c.table, c.key, diff)
		}
	}
}

func TestWithExtension(t *testing.T) {
	if got := withExtension("a@b.test,@c.test,plain", "+x"); got != "a+x@b.test,@c.test,plain" {
		t.Errorf("got %q", got)
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		table, a, b string
		want        bool
	}{
		{"aliases", "a@b.test,C@d.test", "c@d.test,a@b.test,a@b.test", true},
		{"aliases", `"two words"+x@b.test`, `"two words+x"@b.test`, true},
		{"aliases", "two words@b.test", `"two words"@b.test`, false},
		{"aliases", "a@b.test", "a@b.test,c@b.test", false},
		{"transport", "relay:[a]:25", "relay:[A]:25", false},
	} {
		if got := same(c.table, c.a, c.b); got != c.want {
			t.Errorf("%s: %q and %q: %v", c.table, c.a, c.b, got)
		}
	}
}

func TestFind(t *testing.T) {
	write := func(t *testing.T, files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	dir := write(t, map[string]string{
		"sql-aliases.cf": "# a comment\nhosts = x\nquery = SELECT a\n   FROM b WHERE c = '%s'\n", "sql-maintain.cf": "query = SELECT '%u%%d'\n",
		"sql-transport.cf": "query = x\n", "sql-spliteddomains-transport.cf": "query = '%d'\n", "sql-domains.cf": "dbpath = /x\nquery = '%%d%s'\n",
		"other.cf": "query = x\n", "modoboa-postfix-maps.chk": "sql-maintain.cf:mysql:abc\nbroken\n",
	})
	got, err := Find(dir, "pgsql")
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	want := Maps{
		"aliases":   {{file("sql-aliases.cf"), "pgsql", true}},
		"maintain":  {{file("sql-maintain.cf"), "mysql", false}},
		"transport": {{file("sql-transport.cf"), "pgsql", true}, {file("sql-spliteddomains-transport.cf"), "pgsql", false}},
		"domains":   {{file("sql-domains.cf"), "sqlite", true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":    {map[string]string{"other.cf": ""}, "has no map files"},
		"no type": {map[string]string{"sql-domains.cf": "query = x\n"}, "say --type"},
		"old":     {map[string]string{"sql-domains.cf": "dbpath = x\ntable = y\n"}, "no query but table"},
	} {
		if _, err := Find(write(t, c.files), ""); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	k := NewKeys()
	log := "postfix/smtp[1]: 4Q: to=<One@a.test>, orig_to=<two@b.test>, relay=x\npostfix/qmgr[2]: 4Q: from=<>, size=1\nsasl_username=three@a.test, x"
	if err := k.AddLog(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	if err := k.AddLines(strings.NewReader("c.test\n@d.test\n.e.test\n*\n\nfour+x@a.test\na@b@f.test\nbad\x01@g.test\n")); err != nil {
		t.Fatal(err)
	}
	by := k.ByTable()
	wantNames := []string{"a.test", "b.test", "below.a.test", "below.b.test", "below.c.test", "below.d.test", "below.e.test", "below.f.test", "c.test", "d.test", "e.test", "f.test"}
	if diff := cmp.Diff(wantNames, by["domains"]); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, want := range []string{"One@a.test", "One+Ext@a.test", "two@b.test", "three@a.test", "four+x@a.test", "nobody-at-all@c.test", "somebody@below.a.test"} {
		if !k.addresses[want] {
			t.Errorf("no %s", want)
		}
	}
	if k.addresses["a@b@f.test"] || k.addresses["bad\x01@g.test"] || k.addresses["four+x+Ext@a.test"] {
		t.Errorf("addresses %v", by["aliases"])
	}
}

// FuzzAnswers: whatever postmap prints is read without a panic, and what it
// prints for one key is read as it is.
func FuzzAnswers(f *testing.F) {
	f.Add("a@b.test\tc@d.test\n", "k", "v")
	f.Add("no tab\n\tvalue\nx\ty\nmore\n", "a b", "x,y z")
	f.Fuzz(func(t *testing.T, text, key, value string) {
		parseAnswers(text)
		if strings.ContainsAny(key, "\t\n") || strings.ContainsAny(value, "\t\n") {
			return
		}
		if got := parseAnswers(key + "\t" + value + "\n"); got[key] != value {
			t.Errorf("%q: %q, want %q", key, got[key], value)
		}
	})
}

func TestPostmapMissing(t *testing.T) {
	p := Postmap{Program: filepath.Join(t.TempDir(), "postmap")}
	if _, err := p.Ask(context.Background(), &Map{Type: "pgsql", File: "x"}, []string{"a"}); err == nil {
		t.Error("no error")
	}
}

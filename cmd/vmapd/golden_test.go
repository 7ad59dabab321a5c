package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// golden holds what Modoboa's SQL maps answered: map and key to value, with
// notFound for none.
type golden map[[2]string]string

const (
	notFound = "<NOTFOUND>"
	splitMap = "sql-spliteddomains-transport" // listed after sql-transport in main.cf
)

// goldenTables are the maps that were asked, and the tables that replace them.
var goldenTables = map[string]string{
	"sql-domains": "domains", "sql-domain-aliases": "domain-aliases", "sql-aliases": "aliases", "sql-relaydomains": "relay-domains",
	"sql-transport": "transport", "sql-maintain": "maintain", "sql-relay-recipient-verification": "relay-recipient-verification",
	"sql-sender-login-map": "sender-login", "sql-spliteddomains-transport": "spliteddomains-transport",
	"sql-autoreplies-transport": "autoreply-transport",
}

// TestGolden loads databases that Modoboa releases made, on all three engines,
// and compares every table with what the real SQL maps of that release
// answered through Postfix, after the partial-key steps that Postfix takes
// for SQL maps. VMAPD_FIXTURES names a folder with
// modoboa/RELEASE/{expected-maps.tsv,postgres-schema.sql,postgres-data.sql,mariadb-full.sql,sqlite-full.sql}.
func TestGolden(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES names no folder with databases of Modoboa and the answers of its maps")
	}
	dumps := map[string][]string{
		"sqlite": {"sqlite-full.sql"}, "postgres": {"postgres-schema.sql", "postgres-data.sql"}, "mariadb": {"mariadb-full.sql"},
	}
	for release, profile := range map[string]string{"1.10.0": lookup.SenderLogin110, "2.9.3": lookup.SenderLogin2x} {
		t.Run(release, func(t *testing.T) {
			answers := readGolden(t, filepath.Join(dir, "modoboa", release, "expected-maps.tsv"))
			dbtest.Each(t, func(t *testing.T, url string) {
				engine := t.Name()[strings.LastIndexByte(t.Name(), '/')+1:]
				for _, f := range dumps[engine] {
					dbtest.RunFiles(t, url, filepath.Join(dir, "modoboa", release, f))
				}
				compareGolden(t, answers, goldenResolver(t, url, profile), storedOddly(t, url))
			})
		})
	}
}

func readGolden(t *testing.T, file string) golden {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			t.Fatalf("%s: bad line %q", file, line)
		}
		g[[2]string{f[0], f[1]}] = f[2]
	}
	return g
}

func goldenResolver(t *testing.T, url, profile string) *lookup.Resolver {
	s := &store.Store{Settings: store.Settings{Source: &modoboa.Source{DB: dbtest.Open(t, url, db.Options{ReadOnly: true})}, Reload: -1}}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(t.Context()) }()
	t.Cleanup(func() { <-done })
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	return lookup.NewResolver(s, lookup.Options{
		RecipientDelimiter: "+", SenderLogin: profile, ParentDomains: true, LocalTransport: "lmtp:unix:private/dovecot-lmtp",
	})
}

// storedOddly gives the names, in lower case, that the database holds in mixed
// case. A case-sensitive SQL map never finds those, since Postfix asks in lower
// case; vmapd folds, as MySQL does: there folding wins.
func storedOddly(t *testing.T, url string) []string {
	d := dbtest.Open(t, url, db.Options{ReadOnly: true})
	var odd []string
	for table, column := range map[string]string{"admin_domain": "name", "admin_domainalias": "name", "admin_alias": "address", "admin_senderaddress": "address", "admin_mailbox": "address"} {
		rows, err := d.Query("SELECT " + column + " FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			if folded := store.Fold(name); folded != name {
				odd = append(odd, strings.Trim(folded, "@"))
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return odd
}

func compareGolden(t *testing.T, g golden, r *lookup.Resolver, odd []string) {
	asked, folded := 0, 0
	for q := range g {
		table, key := goldenTables[q[0]], q[1]
		if key == "" || strings.HasSuffix(q[0], "-transport") && key[0] == '@' {
			continue // Postfix never asks that
		}
		want, known := g.postfix(q[0], key)
		if !known {
			continue
		}
		value, found, err := r.Lookup(t.Context(), nil, []byte(table), []byte(key))
		if err != nil {
			t.Fatalf("%s %q: %v", table, key, err)
		}
		got := string(value)
		if !found {
			got = notFound
		}
		asked++
		switch {
		case sameAnswer(table, want, got):
		case found && slices.ContainsFunc(odd, func(name string) bool { return strings.Contains(store.Fold(key), name) }):
			folded++ // more than the SQL map found
		default:
			t.Errorf("%s %q: the SQL map leads Postfix to %q, the table to %q", table, key, want, got)
		}
	}
	if asked < 700 {
		t.Errorf("only %d answers compared", asked)
	}
	t.Logf("%d answers compared; in %d the folded spelling found what the SQL map missed", asked, folded)
}

// sameAnswer compares values: lists as sets and without case, others exactly.
func sameAnswer(table, want, got string) bool {
	if table != "aliases" && table != "sender-login" {
		return want == got
	}
	set := func(s string) string {
		list := strings.Split(store.Fold(s), ",")
		slices.Sort(list)
		return fmt.Sprint(slices.Compact(list))
	}
	return set(want) == set(got)
}

// postfix says what Postfix makes of SQL maps for a key: it asks for the key,
// then for the address without extension, @domain, the domain, its parents, as
// the parameter wants (postfix src/global/mail_addr_find.c). known is false if
// the answer to one of those was not recorded.
func (g golden) postfix(m, key string) (value string, known bool) {
	first := func(steps ...[2]string) (string, bool) {
		for _, s := range steps {
			v, ok := g[[2]string{s[0], strings.ToLower(s[1])}]
			if !ok {
				return "", false
			}
			if v != notFound {
				return v, true
			}
		}
		return notFound, true
	}
	local, domain, base, extension := cutAddress(key)
	steps := [][2]string{{m, key}}
	switch {
	case domain == "":
		for rest := key; m == "sql-relaydomains"; {
			_, after, ok := strings.Cut(rest, ".")
			if !ok {
				break
			}
			rest = after
			if _, recorded := g[[2]string{m, rest}]; recorded { // a parent that was not asked is no domain of the data set
				steps = append(steps, [2]string{m, rest})
			}
		}
	case strings.HasSuffix(m, "-transport") && m != splitMap:
		for _, address := range []string{key, base} {
			if address != "" {
				steps = append(steps, [2]string{m, address})
				if m == "sql-transport" {
					steps = append(steps, [2]string{splitMap, address})
				}
			}
		}
		steps = append(steps, [2]string{m, domain})
		for rest := domain; strings.Contains(rest, "."); {
			_, rest, _ = strings.Cut(rest, ".")
			if _, recorded := g[[2]string{m, "." + rest}]; recorded {
				steps = append(steps, [2]string{m, "." + rest})
			}
		}
	case m == "sql-domains" || m == "sql-domain-aliases" || m == "sql-relaydomains":
	default:
		if base != "" {
			steps = append(steps, [2]string{m, base})
		}
		if local != "" && (m == "sql-aliases" || m == "sql-sender-login-map") {
			steps = append(steps, [2]string{m, "@" + domain})
		}
	}
	value, known = first(steps...)
	if known && value != notFound && m == "sql-aliases" && base != "" {
		if whole, _ := first(steps[0]); whole == notFound {
			if stripped, _ := first(steps[1]); stripped != notFound {
				value = addExtension(value, extension)
			}
		}
	}
	return value, known
}

// cutAddress takes an address apart as Postfix does with recipient_delimiter +.
func cutAddress(key string) (local, domain, base, extension string) {
	at := strings.LastIndexByte(key, '@')
	if at < 0 {
		return "", "", "", ""
	}
	local, domain = key[:at], key[at+1:]
	if i := strings.IndexByte(local, '+'); i > 0 && i < len(local)-1 {
		base, extension = local[:i]+"@"+domain, local[i:]
	}
	return local, domain, base, extension
}

func addExtension(list, extension string) string {
	out := strings.Split(list, ",")
	for i, a := range out {
		if at := strings.LastIndexByte(a, '@'); at > 0 {
			out[i] = a[:at] + extension + a[at:]
		}
	}
	return strings.Join(out, ",")
}

package lookup

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vmapd/vmapd/store"
)

func defaults() Options {
	return Options{RecipientDelimiter: "+", SenderLogin: SenderLogin2x, ParentDomains: true, LocalTransport: "lmtp:unix:private/dovecot-lmtp"}
}

// fixed is a Source of one snapshot's rows.
type fixed func(b *store.Builder)

func (f fixed) Load(_ context.Context, b *store.Builder) error { f(b); return nil }

// ask runs one table over a snapshot as Resolver.Lookup does.
func ask(s *store.Snapshot, o Options, table, key string) (string, bool) {
	t, ok := FindTable(table)
	if !ok {
		return "no such table", true
	}
	value, found := new(query).run(t, s, &o, time.Now, nil, []byte(key))
	return string(value), found
}

// TestTables runs the files in testdata: rows, then queries of the form
// "table key => answer", where the answer is NOTFOUND or a value.
func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runFile(t, file) })
	}
}

func runFile(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var snap *store.Snapshot
	asked := 0
	for _, f := range ar.Files {
		if f.Name == "rows" {
			snap = load(t, string(f.Data))
			continue
		}
		o := options(t, f.Name)
		for line := range strings.Lines(string(f.Data)) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			question, want, ok := strings.Cut(line, " => ")
			words := fieldsQuoted(question)
			if !ok || len(words) != 2 {
				t.Fatalf("%s: bad line %q", file, line)
			}
			asked++
			got, found := ask(snap, o, words[0], words[1])
			if !found {
				got = "NOTFOUND"
			}
			if got != want {
				t.Errorf("%s %q = %s, want %s", words[0], words[1], got, want)
			}
		}
	}
	if asked == 0 {
		t.Errorf("%s asks nothing", file)
	}
}

// options reads "queries name=value …" from the name of a section.
func options(t *testing.T, name string) Options {
	o := defaults()
	for _, w := range strings.Fields(name)[1:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "sender_login":
			o.SenderLogin = v
		case "delimiter":
			o.RecipientDelimiter = v
		case "parent_domains":
			o.ParentDomains = v == "true"
		default:
			t.Fatalf("unknown option %q", w)
		}
	}
	return o
}

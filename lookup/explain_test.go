package lookup

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vmapd/vmapd/store"
)

var update = flag.Bool("update", false, "rewrite the expected explanations")

// TestExplain compares explanations with those in testdata/explain: sections
// "address X" and "login X" after the rows.
func TestExplain(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var snap *store.Snapshot
		for i := range ar.Files {
			f := &ar.Files[i]
			if f.Name == "rows" {
				snap = load(t, string(f.Data))
				continue
			}
			kind, subject, _ := strings.Cut(f.Name, " ")
			t.Run(f.Name, func(t *testing.T) {
				x := Explain(snap, defaults(), subject, now)
				if kind == "login" {
					name, service, _ := strings.Cut(subject, " ")
					x = ExplainLogin(snap, defaults(), Login{Name: name, Service: service, Separator: "*"}, now)
				}
				if *update {
					f.Data = []byte(x.String())
				}
				if diff := cmp.Diff(string(f.Data), x.String()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if _, err := json.Marshal(x); err != nil {
					t.Error(err)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestExplainAgreesWithTables asks for every address of the rows of all table
// tests: what explain calls a mailbox delivery must be a mailbox, and an
// address that explain refuses outright must have no alias.
func TestExplainAgreesWithTables(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	n := 0
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		snap := load(t, string(ar.Files[0].Data))
		for line := range strings.Lines(string(ar.Files[1].Data)) {
			question, _, _ := strings.Cut(line, " => ")
			words := fieldsQuoted(question)
			if len(words) != 2 || strings.LastIndexByte(words[1], '@') < 1 {
				continue
			}
			n++
			x := Explain(snap, defaults(), words[1], time.Now())
			if len(x.Deliveries) == 0 {
				t.Errorf("explain %s comes to no end:\n%s", words[1], x)
			}
			for _, d := range x.Deliveries {
				if _, isBox := ask(snap, defaults(), "mailboxes", d.Address); d.Kind == ToMailbox && !isBox {
					t.Errorf("explain %s delivers to %s, which is no mailbox", words[1], d.Address)
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d addresses asked", n)
	}
}

func FuzzExplain(f *testing.F) {
	snap := load(f, "domain example.test\ndomainalias alias.test -> example.test\nbox u@example.test\nalias @example.test -> loop@example.test\nalias loop@example.test -> any@example.test")
	for _, a := range []string{"u@example.test", "u+x@alias.test", "@", "@example.test", `"a b"@example.test`, `"\"@example.test`, "x@y@example.test", "\x1b[2J@example.test"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, address string) {
		now := time.Unix(0, 0)
		for _, x := range []*Explanation{Explain(snap, defaults(), address, now), ExplainLogin(snap, defaults(), Login{Name: address}, now)} {
			if x.Outcome == "" || strings.ContainsRune(x.String(), '\x1b') {
				t.Fatalf("%q: %q", address, x.String())
			}
		}
	})
}

// Whoever may not see a domain of this host is not told what becomes of mail
// there, whether the domain is in service or not; what is not of this host is
// nobody's secret.
func TestExplainWithin(t *testing.T) {
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "mine.test", Type: store.LocalDomain, Enabled: true})
	b.AddDomain(store.Domain{ID: 2, Name: "other.test", Type: store.LocalDomain, Enabled: true})
	b.AddDomain(store.Domain{ID: 3, Name: "off.test", Type: store.LocalDomain})
	b.AddDomain(store.Domain{ID: 4, Name: "relay.test", Type: store.RelayDomain, Enabled: true})
	b.AddDomainAlias(store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 2, Enabled: true})
	alias := func(id, domain uint32, address string, to ...string) {
		b.AddAlias(store.Alias{ID: id, Address: address, DomainID: domain, Enabled: true})
		for i, r := range to {
			b.AddRecipient(store.Recipient{ID: 10*id + uint32(i), AliasID: id, Address: r})
		}
	}
	alias(1, 1, "all@mine.test", "list@mine.test", "secret@other.test", "Secret@Off.test", "secret@sub.relay.test", "secret@alias.test", "x@far.test")
	alias(2, 1, "list@mine.test", "y@far.test")
	alias(3, 2, "secret@other.test", "hidden@far.test")
	alias(4, 3, "secret@off.test", "hidden@far.test")
	snap := b.Build(time.Now())
	var asked []string
	x := ExplainWithin(snap, defaults(), "all@mine.test", time.Now(), func(domain string) bool {
		asked = append(asked, domain)
		return domain == "mine.test"
	})
	text := x.String()
	if strings.Contains(text, "hidden") || strings.Contains(text, "disabled") || strings.Contains(text, "relay domain") || strings.Contains(text, "another name") {
		t.Errorf("tells too much: %s", text)
	}
	for _, want := range []string{
		"ELSEWHERE: secret@other.test", "ELSEWHERE: Secret@Off.test", "ELSEWHERE: secret@sub.relay.test", "ELSEWHERE: secret@alias.test", "SENT OUT: x@far.test", "SENT OUT: y@far.test",
		"led to 4 address(es) in domains of others here",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q: %s", want, text)
		}
	}
	if diff := cmp.Diff([]string{"mine.test", "other.test", "off.test", "relay.test", "alias.test"}, asked); diff != "" {
		t.Errorf("asked for: %s", diff)
	}
	if !strings.Contains(Explain(snap, defaults(), "all@mine.test", time.Now()).String(), "hidden@far.test") {
		t.Error("who may see everything does not")
	}
}

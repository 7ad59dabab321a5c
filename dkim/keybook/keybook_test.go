package keybook_test

import (
	"context"
	"crypto"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/dkim/keyring"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

const data = `domain;one.test;0;0;true
domain;off.test;0;0;true
domainalias;alias.test;one.test;true
`

// shelf opens books on a database as it is.
type shelf struct {
	t    *testing.T
	d    *db.DB
	dir  string
	code dnscheck.Code
	now  time.Time
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{t: t, d: dbtest.Open(t, dbtest.SQLite(t), db.Options{}), dir: filepath.Join(t.TempDir(), "keys"), code: dnscheck.NXDomain, now: time.Now()}
	if _, err := modoboa.Init(t.Context(), s.d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), s.d, strings.NewReader(data), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shelf) book() *keybook.Book {
	s.t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: s.d}).Load(s.t.Context(), b); err != nil {
		s.t.Fatal(err)
	}
	return &keybook.Book{
		Served: b.Build(s.now),
		Keeper: &keyring.Keeper{Dir: s.dir, Recorder: modoboa.Keys{DB: s.d}, Times: keyring.Times{Settle: time.Minute, Retire: keyring.MinRetire}, Report: func(keyring.Event) {}, Now: func() time.Time { return s.now }},
		Check: func(_ context.Context, domain, selector string, _ crypto.PublicKey) dnscheck.Result {
			return dnscheck.Result{Domain: domain, Selector: selector, Code: s.code, Works: s.code == dnscheck.OK}
		},
	}
}

// TestGenerate wants a domain's first key to stand in its row, and others
// beside it.
func TestGenerate(t *testing.T) {
	s := newShelf(t)
	for _, tt := range []struct {
		domain, selector string
		a                dkim.Algorithm
		used, table      string
	}{
		{"one.test", "", dkim.RSASHA256, "modoboa", "admin_domain"},
		{"one.test", "second", dkim.RSASHA256, "second", "vmapd_dkim_key"},
		{"one.test", "ed", dkim.Ed25519SHA256, "ed", "vmapd_dkim_key"},
		{"alias.test", "own", dkim.RSASHA256, "own", "vmapd_dkim_key"},
	} {
		used, err := s.book().Generate(t.Context(), tt.domain, tt.selector, tt.a, 0)
		if err != nil || used != tt.used {
			t.Fatalf("%+v: %q %v", tt, used, err)
		}
		rows, err := s.book().Rows(tt.domain)
		if err != nil {
			t.Fatal(err)
		}
		r := rows[len(rows)-1]
		if tt.used == "modoboa" {
			r = rows[0]
		}
		if r.Selector != tt.used || r.Table != tt.table || r.Public == nil || r.Problem != "" || !strings.Contains(r.Record().Value, "p=") {
			t.Errorf("%+v: %+v", tt, r)
		}
	}
}

// TestRefusals wants errors that say who is to blame.
func TestRefusals(t *testing.T) {
	s := newShelf(t)
	ctx := t.Context()
	var missing *keybook.MissingError
	for _, name := range []string{"nowhere.test", "off.test", "alias.test"} {
		if _, err := s.book().Rows(name); !errors.As(err, &missing) || missing.Domain != name {
			t.Errorf("keys of %s: %v", name, err)
		}
		if _, err := s.book().Rotate(ctx, name); !errors.As(err, &missing) {
			t.Errorf("rotation of %s: %v", name, err)
		}
	}
	if _, err := s.book().Generate(ctx, "nowhere.test", "", dkim.RSASHA256, 0); !errors.As(err, &missing) {
		t.Errorf("a key of nowhere: %v", err)
	}
	var long *keybook.LongSelectorError
	if _, err := s.book().Generate(ctx, "one.test", strings.Repeat("x", 31), dkim.RSASHA256, 0); !errors.As(err, &long) {
		t.Errorf("a long selector: %v", err)
	}
	var refused *keyring.RefusedError
	if _, err := s.book().Generate(ctx, "one.test", "../up", dkim.RSASHA256, 0); !errors.As(err, &refused) {
		t.Errorf("a selector that is a path: %v", err)
	}
	if files, _ := os.ReadDir(s.dir); len(files) != 0 {
		t.Errorf("files were left: %v", files)
	}
}

// TestRotation takes a key from its making to its signing.
func TestRotation(t *testing.T) {
	s := newShelf(t)
	if _, err := s.book().Generate(t.Context(), "one.test", "first", dkim.RSASHA256, 0); err != nil {
		t.Fatal(err)
	}
	var made []string
	for i, step := range []struct {
		code  dnscheck.Code
		later time.Duration
		stage keyring.Stage
	}{{dnscheck.NXDomain, 0, keyring.New}, {dnscheck.Temp, time.Hour, keyring.New}, {dnscheck.OK, time.Hour, keyring.Published}, {dnscheck.OK, time.Hour, keyring.Active}} {
		s.code, s.now = step.code, s.now.Add(step.later)
		b := s.book()
		b.Made = func(path string) { made = append(made, path) }
		r, err := b.Rotate(t.Context(), "one.test")
		if err != nil {
			t.Fatal(err)
		}
		if r.Made != (i == 0) || r.Stage != string(step.stage) {
			t.Errorf("step %d: %+v", i, r)
		}
	}
	if len(made) != 1 {
		t.Errorf("made %q", made)
	}
	rows, err := s.book().Rows("one.test")
	if err != nil {
		t.Fatal(err)
	}
	if rows[0].Stage != string(keyring.Retiring) || rows[1].Stage != string(keyring.Active) {
		t.Errorf("stages %s, %s", rows[0].Stage, rows[1].Stage)
	}
	if names := s.book().Rotatable(); len(names) != 1 || names[0] != "one.test" {
		t.Errorf("rotatable: %q", names)
	}
	for _, c := range s.book().CheckAll(t.Context(), rows) {
		if c.DNS == nil || !c.DNS.Works {
			t.Errorf("%s: %+v", c.Selector, c.DNS)
		}
	}
	if err := os.Remove(rows[1].File); err != nil {
		t.Fatal(err)
	}
	rows, err = s.book().Rows("one.test")
	var file *keyring.FileError
	if err != nil || !errors.As(rows[1].Err, &file) || rows[1].Public == nil || rows[1].Remedy == "" {
		t.Errorf("a key without its file: %+v %v", rows[1], err)
	}
}

package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// records is a database in miniature, with the rules of modoboa.Keys, which
// has tests of its own against real ones.
type records struct {
	domains  map[uint32]store.Domain
	keys     []store.SigningKey
	prepared bool
	down     error
}

func (r *records) snapshot() *store.Snapshot {
	var rows []any
	for _, d := range r.domains {
		rows = append(rows, d)
	}
	for _, k := range r.keys {
		rows = append(rows, k)
	}
	return snapshotOf(rows)
}

func (r *records) Record(_ context.Context, id uint32, was, is store.DKIM) (bool, error) {
	d := r.domains[id]
	if r.down != nil || d.DKIM != was {
		return false, r.down
	}
	d.DKIM = is
	r.domains[id] = d
	return true, nil
}

func (r *records) Prepare(context.Context) error { r.prepared = true; return r.down }

func (r *records) Add(_ context.Context, k store.SigningKey) error {
	if !r.prepared {
		return errors.New("no such table")
	}
	k.ID = uint32(len(r.keys) + 1)
	r.keys = append(r.keys, k)
	return r.down
}

func (r *records) SetStage(_ context.Context, id uint32, from, to string, at time.Time) (bool, error) {
	k := &r.keys[id-1]
	if k.Stage != from {
		return false, nil
	}
	k.Stage, k.Changed = to, at.UnixMicro()
	return true, r.down
}

func newKeeper(t *testing.T, r *records) (*Keeper, *[]string, *time.Time) {
	now, events := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), &[]string{}
	return &Keeper{
		Dir: filepath.Join(t.TempDir(), "keys"), Recorder: r, Times: times, Make: true,
		Now: func() time.Time { return now },
		Report: func(e Event) {
			*events = append(*events, fmt.Sprintf("%s %s %s %v", e.Domain, e.Selector, e.Text, e.Err))
		},
	}, events, &now
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestFirstKeys are made for rows that ask for one, and for no others.
func TestFirstKeys(t *testing.T) {
	off := domainRow(3, "off.test", "")
	off.DKIM.Enabled = false
	weak := domainRow(4, "weak.test", "")
	weak.DKIM.Bits = 1024
	r := &records{domains: map[uint32]store.Domain{1: domainRow(1, "asks.test", ""), 2: domainRow(2, "has.test", "/x.pem"), 3: off, 4: weak}}
	k, events, _ := newKeeper(t, r)
	for range 2 {
		if err := k.Tend(t.Context(), r.snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	made := r.domains[1].DKIM
	text, err := os.ReadFile(made.Path)
	if err != nil {
		t.Fatal(err)
	}
	private, err := dkim.ParsePrivate(text)
	if err != nil || dkim.PublicBase64(private.Public()) != made.PublicKey || !made.Enabled || made.Selector != "modoboa" {
		t.Errorf("%+v: %v", made, err)
	}
	if info, _ := os.Stat(made.Path); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if r.domains[2].DKIM.Path != "/x.pem" || r.domains[3].DKIM.Enabled || r.domains[4].DKIM.Path != "" || len(files(t, k.Dir)) != 1 {
		t.Errorf("%+v, files %v", r.domains, files(t, k.Dir))
	}
	// The one that is refused is reported once.
	if got := strings.Join(*events, "\n"); len(*events) != 2 || !strings.Contains(got, "no RSA key of 1024 bits is made") || !strings.Contains(got, "asks.test modoboa a key was made") {
		t.Errorf("events:\n%s", got)
	}
	key, why := NewRing(Options{Dir: k.Dir}).Keys(t.Context(), r.snapshot(), "x.test")
	if key != nil || why != NoKey {
		t.Errorf("%v %s", key, why)
	}
}

// TestSomebodyWasQuicker leaves neither a record nor a file.
func TestSomebodyWasQuicker(t *testing.T) {
	r := &records{domains: map[uint32]store.Domain{1: domainRow(1, "a.test", "/modoboa/a.test.pem")}}
	k, _, _ := newKeeper(t, r)
	if err := k.Tend(t.Context(), snapshotOf([]any{domainRow(1, "a.test", "")})); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	r.down = errors.New("down")
	if err := k.Tend(t.Context(), snapshotOf([]any{domainRow(1, "a.test", "")})); !errors.Is(err, r.down) {
		t.Errorf("%v, want %v", err, r.down)
	}
	if left := files(t, k.Dir); len(left) > 0 || r.domains[1].DKIM.Path != "/modoboa/a.test.pem" {
		t.Errorf("files %v, %+v", left, r.domains[1])
	}
}

// TestRotation takes a key through its whole life.
func TestRotation(t *testing.T) {
	r := &records{domains: map[uint32]store.Domain{1: domainRow(1, "a.test", "a.pem")}}
	k, _, now := newKeeper(t, r)
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(k.Dir, "a.pem"), pemOf(t, keys()[0]))
	if err := os.Chtimes(filepath.Join(k.Dir, "a.pem"), *now, now.Add(-40*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	answer := No
	k.Published = func(_ context.Context, domain, selector string, key crypto.PublicKey) Answer { return answer }
	k.Rotate = 30 * 24 * time.Hour
	step := func(d time.Duration, want string) {
		t.Helper()
		*now = now.Add(d)
		for range 3 {
			if err := k.Tend(t.Context(), r.snapshot()); err != nil {
				t.Fatal(err)
			}
		}
		got := ""
		for _, key := range r.keys {
			got += key.Selector + " " + key.Stage + " "
		}
		if got != want+" " {
			t.Errorf("after %v: %s, want %s", d, got, want)
		}
	}
	signer := func() string {
		ring := NewRing(Options{Dir: k.Dir, Wait: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); ring.Run(ctx) }()
		defer func() { cancel(); <-done }()
		got, why := ring.Keys(t.Context(), r.snapshot(), "a.test")
		if len(got) != 1 {
			return string(why)
		}
		return got[0].Selector
	}
	step(0, "v202611r new")
	step(time.Hour, "v202611r new")
	answer = Yes
	step(time.Hour, "v202611r published")
	if s := signer(); s != "modoboa" {
		t.Errorf("before it is active %s signs", s)
	}
	step(time.Hour, "v202611r active")
	if s := signer(); s != "v202611r" {
		t.Errorf("when it is active %s signs", s)
	}
	step(31*24*time.Hour, "v202611r active v202612r published")
	step(time.Hour, "v202611r retiring v202612r active")
	step(9*24*time.Hour, "v202611r gone v202612r active")
	if s := signer(); s != "v202612r" {
		t.Errorf("in the end %s signs", s)
	}
	if len(files(t, k.Dir)) != 3 {
		t.Errorf("files %v", files(t, k.Dir))
	}
}

func TestFurtherKeyNames(t *testing.T) {
	r := &records{domains: map[uint32]store.Domain{1: domainRow(1, "a.test", "a.pem")}}
	k, _, _ := newKeeper(t, r)
	for _, tc := range []struct {
		selector  string
		algorithm dkim.Algorithm
		bits      int
		want      string
	}{
		{"", dkim.Ed25519SHA256, 0, "v202611e"},
		{"", dkim.Ed25519SHA256, 0, "v202611e2"},
		{"mine", dkim.Ed25519SHA256, 0, "mine"},
		{"mine", dkim.Ed25519SHA256, 0, "is or was that of another key"},
		{"modoboa", dkim.Ed25519SHA256, 0, "is or was that of another key"},
		{"a b", dkim.Ed25519SHA256, 0, `selector "a b"`},
		{"../x", dkim.Ed25519SHA256, 0, `selector "../x"`},
		{"r", dkim.RSASHA256, 1024, "no RSA key of 1024 bits is made"},
	} {
		key, err := k.Further(t.Context(), r.snapshot(), "a.test", tc.selector, tc.algorithm, tc.bits)
		var refused *RefusedError
		if err != nil && (!errors.As(err, &refused) || !strings.Contains(err.Error(), tc.want)) || err == nil && key.Selector != tc.want {
			t.Errorf("%q %v %d: %+v, %v; want %q", tc.selector, tc.algorithm, tc.bits, key, err, tc.want)
		}
		if err == nil {
			if public, err := PublicKey(&key); err != nil || dkim.PublicBase64(public) != key.PublicKey {
				t.Errorf("public key: %v", err)
			}
		}
	}
	if len(files(t, k.Dir)) != 3 {
		t.Errorf("files %v", files(t, k.Dir))
	}
	// Names too long for the column.
	long := strings.Repeat("a", 60) + "." + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + ".test"
	r.domains[2] = domainRow(2, long, "")
	key, err := k.Further(t.Context(), r.snapshot(), long, strings.Repeat("s", 40), dkim.Ed25519SHA256, 0)
	if err != nil || len(key.Path) > maxPath {
		t.Errorf("%+v, %v", key, err)
	}
}

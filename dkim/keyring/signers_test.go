package keyring

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// TestSigners: those keys are named whose records must be in DNS.
func TestSigners(t *testing.T) {
	s := newSite(t, Options{})
	file := func(n string, k int) string { return put(t, filepath.Join(s.dir, n), pemOf(t, keys()[k])) }
	row := func(id uint32, domain, selector, algorithm, path string, stage Stage) store.SigningKey {
		return store.SigningKey{ID: id, Domain: domain, Selector: selector, Algorithm: algorithm, Path: path, PublicKey: "MII", Stage: string(stage)}
	}
	off := domainRow(4, "off.test", file("off.pem", 0))
	off.DKIM.Enabled = false
	a, other := file("a.pem", 0), file("other.pem", 1)
	rows := []any{
		domainRow(1, "a.test", a), domainRow(2, "Bücher.test", file("b.pem", 1)), domainRow(3, "lost.test", filepath.Join(s.dir, "none")), off,
		store.DomainAlias{ID: 1, Name: "alias.test", TargetID: 1},
		row(1, "alias.test", "r", "rsa", a, Active), row(2, "off.test", "r", "rsa", a, Active),
		row(3, "a.test", "new", "rsa", other, New), row(4, "a.test", "e", "ed25519", file("e.pem", 3), Active), row(5, "a.test", "old", "rsa", other, Retiring), row(6, "a.test", "past", "rsa", other, Gone),
	}
	list := func() (string, uint64) {
		n := s.ring.Changes()
		var all []string
		for _, k := range s.ring.Signers() {
			public, err := k.Public()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, k.Selector+"@"+k.Domain+" "+dkim.Fingerprint(public))
		}
		slices.Sort(all)
		return strings.Join(all, ", "), n
	}
	want := func(all ...string) (changes uint64) {
		t.Helper()
		eventually(t, func() string {
			got, n := list()
			if changes = n; got != strings.Join(all, ", ") {
				return fmt.Sprintf("signers %q, want %q", got, all)
			}
			return ""
		})
		return changes
	}
	s.serve(rows...)
	first := want(by("e", "a.test", 3), by("modoboa", "a.test", 0), by("modoboa", "xn--bcher-kva.test", 1), by("old", "a.test", 1), by("r", "alias.test", 0))
	s.serve(append(rows, row(7, "a.test", "next", "rsa", file("next.pem", 2), Active))...)
	second := want(by("e", "a.test", 3), by("modoboa", "xn--bcher-kva.test", 1), by("next", "a.test", 2), by("old", "a.test", 1), by("r", "alias.test", 0))
	if second <= first {
		t.Errorf("%d changes, then %d", first, second)
	}
}

package manage_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// FuzzAlias makes an alias of any address with any recipients, one a line. It is
// made or refused, never an error that nobody is to blame for; and what is made
// can be asked for again, is folded as far as it is ours, and has no recipient
// twice.
func FuzzAlias(f *testing.F) {
	h := openHost(f, dbtest.SQLite(f))
	for _, s := range [][2]string{
		{"new@one.test", "ann@one.test\nBob+x@ONE.test\nFar@Far.test"},
		{"@one.test", "@far.test"},
		{"new@one.test", "info+a@one.test\ninfo+b@one.test"},
		{"ann@one.test", "ann+x@one.test"},
		{"Ä@one.test", "ß@relay.test\nSS@relay.test"},
		{"a@b@one.test", "ann@one.test"},
		{"+x@one.test", "+ann@one.test\n+@one.test"},
		{"new@one.test", "@\n@one.test\nx@\nx\x00@far.test"},
		{"\xff@one.test", "\xfe@far.test"},
		{"new@one.test", "o'brien%_!@far.test\n\"a b\"@far.test"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, address, recipients string) {
		to := strings.Split(recipients, "\n")
		err := h.m.Try(context.Background(), manage.Root(), func(tx *manage.Tx) error {
			made, err := tx.CreateAlias(aliasTo(address, to...))
			if err != nil {
				return err
			}
			checkMade(t, made, address, to)
			again, err := tx.AliasByAddress(address)
			if err == nil && again.ID != made.ID {
				t.Errorf("%q is alias %d, not %d", address, again.ID, made.ID)
			}
			if err == nil {
				_, err = tx.UpdateAlias(made.ID, manage.AliasInput{Recipients: manage.Some(made.Recipients)})
			}
			return err
		})
		var e *manage.Error
		switch {
		case err == nil:
		case !errors.As(err, &e):
			t.Fatalf("nobody is to blame for: %v", err)
		case !utf8.ValidString(e.Error()):
			t.Errorf("not valid UTF-8: %q", e.Error())
		}
	})
}

func checkMade(t *testing.T, made *manage.Alias, address string, to []string) {
	if made.Address != store.Fold(strings.TrimSpace(address)) || made.Domain != made.Address[strings.LastIndexByte(made.Address, '@')+1:] {
		t.Errorf("%q became %q in %q", address, made.Address, made.Domain)
	}
	seen := map[string]bool{}
	for _, r := range made.Recipients {
		folded := store.Fold(r)
		if seen[folded] || !slices.ContainsFunc(to, func(s string) bool { return store.Fold(strings.TrimSpace(s)) == folded }) {
			t.Errorf("%q of %q", r, to)
		}
		if seen[folded] = true; strings.HasSuffix(r, "@one.test") && r != folded {
			t.Errorf("%q is not folded", r)
		}
		if strings.ContainsAny(r, " ,\n\x00") || !utf8.ValidString(r) {
			t.Errorf("%q would be told to Postfix", r)
		}
	}
}

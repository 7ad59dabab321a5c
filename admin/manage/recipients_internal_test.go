package manage

import (
	"strings"
	"testing"
)

func TestRenamedRecipient(t *testing.T) {
	tx := &Tx{m: New(Options{})}
	for address, want := range map[string]string{
		"ann@one.test": "eve@two.test", "ANN@One.test": "eve@two.test", "ann+x@one.test": "eve+x@two.test", "ann+x+y@one.test": "eve+x+y@two.test",
		"ann@one.test@autoreply.one.test": "eve@two.test@autoreply.two.test",
		"anna@one.test":                   "", "an@one.test": "", "ann@one.tests": "", "ann+x@two.test": "", "ann-x@one.test": "", "": "", "@": "", "ann": "",
	} {
		if got, ok := tx.renamedRecipient(address, "ann@one.test", "eve@two.test"); got != want || ok != (want != "") {
			t.Errorf("%q becomes %q, %v; want %q", address, got, ok, want)
		}
	}
}

// FuzzRenamedRecipient renames there and back.
func FuzzRenamedRecipient(f *testing.F) {
	for _, s := range []string{"ann@one.test", "ann+x@one.test", "ann@one.test@autoreply.one.test", "@one.test", "ann+@one.test", "ann+x@y@one.test"} {
		f.Add(s)
	}
	tx := &Tx{m: New(Options{})}
	f.Fuzz(func(t *testing.T, address string) {
		const old, to = "ann@one.test", "eve@two.example"
		there, ok := tx.renamedRecipient(address, old, to)
		if !ok {
			return
		}
		if !strings.HasPrefix(there, "eve") || !strings.HasSuffix(there, "two.example") {
			t.Fatalf("%q becomes %q", address, there)
		}
		if back, ok := tx.renamedRecipient(there, to, old); !ok || !strings.EqualFold(back, address) {
			t.Fatalf("%q becomes %q, and back %q, %v", address, there, back, ok)
		}
	})
}

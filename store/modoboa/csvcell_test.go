package modoboa

import (
	"strings"
	"testing"
)

func TestProtect(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a": "a", "'": "'", "''": "''", "'a": "'a", "a=b": "a=b", "1-2": "1-2",
		"=1": "'=1", "+1": "'+1", "-1": "'-1", "@x.test": "'@x.test", "\tx": "'\tx", "\rx": "'\rx",
		"'=1": "''=1", "''@": "'''@", "＝1": "＝1",
	} {
		if got := protect(in); got != want || unprotect(got) != in {
			t.Errorf("protect(%q) = %q, back %q", in, got, unprotect(got))
		}
	}
}

// FuzzProtect: what is protected is no formula and comes back as it was.
func FuzzProtect(f *testing.F) {
	for _, s := range []string{"=1", "'=1", "''", "'x", "@a.test", "\t", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := protect(s)
		if unprotect(p) != s {
			t.Errorf("%q becomes %q and then %q", s, p, unprotect(p))
		}
		if p != "" && strings.ContainsAny(p[:1], "=+-@\t\r") {
			t.Errorf("%q stays a formula: %q", s, p)
		}
	})
}

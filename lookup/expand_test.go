package lookup

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestExpander(t *testing.T) {
	s := load(t, strings.ReplaceAll(`
		domain example.test
		domainalias alias.test -> example.test
		box user@example.test
		box "two words@example.test"
		alias info@example.test -> user@example.test user+info@example.test far@remote.test
		domainalias both.test -> example.test
		alias @both.test -> far@remote.test
		alias odd@example.test -> "two words@example.test"
		alias off@example.test -> user@example.test off
		alias old@example.test -> user@example.test expire=2020-01-02
	`, `"`, "`"))
	e := NewExpander(s, Options{RecipientDelimiter: "+"}, time.Now())
	for address, want := range map[string][]string{
		"User@Example.test":     {"user@example.test"},
		"info@example.test":     {"user@example.test", "user+info@example.test", "far@remote.test"},
		"info+x@example.test":   {"user+x@example.test", "user+info+x@example.test", "far+x@remote.test"},
		"odd@example.test":      {"two words@example.test"},
		"any+x@alias.test":      {"any+x@example.test"},
		"any@both.test":         {"any@example.test", "far@remote.test"},
		"nobody@example.test":   nil,
		"off@example.test":      nil,
		"old@example.test":      nil,
		"no address":            nil,
		"someone@elsewhere.net": nil,
	} {
		if diff := cmp.Diff(want, e.Expand(address)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", address, diff)
		}
	}
}

func TestSplitExtension(t *testing.T) {
	for address, want := range map[string][2]string{
		"a+b+c@d":         {"a@d", "+b+c"},
		"a@d":             {"a@d", ""},
		"+a@d":            {"+a@d", ""},
		"a+@d":            {"a+@d", ""},
		"@d":              {"@d", ""},
		"a+b":             {"a+b", ""},
		"postmaster@d+e":  {"postmaster@d+e", ""},
		"double-bounce@d": {"double-bounce@d", ""},
	} {
		base, extension := SplitExtension(address, "+-")
		if got := [2]string{base, extension}; got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

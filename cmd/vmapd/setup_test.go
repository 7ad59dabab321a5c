package main

import "testing"

func TestDovecotRoute(t *testing.T) {
	for version, want := range map[string]string{
		"2.3.19.1 (9b53102964)\n": "2.3 dict",
		"2.4.1-4 (7d8c0e5759)\n":  " ",
		"2.4.0\n":                 " ",
		"2.4.2 (0962ed2104)\n":    "2.4 server",
		"2.4.10\n":                "2.4 server",
		"2.2.36\n":                " ",
		"":                        " ",
	} {
		release, auth, err := dovecotRoute(version)
		if got := release + " " + auth; got != want || (err != nil) != (want == " ") {
			t.Errorf("%q: %q, %v; want %q", version, got, err, want)
		}
	}
}

package strescape

import "testing"

// TestPairs has each byte that is escaped, and some that are not.
func TestPairs(t *testing.T) {
	const plain, written = "a\x00b\x01c\td\ne\rf\x02\x0b\x0cü", "a\x010b\x011c\x01td\x01ne\x01rf\x02\x0b\x0cü"
	if got := string(Append([]byte("> "), plain)); got != "> "+written {
		t.Errorf("Append: %q", got)
	}
	if got := string(Append([]byte("> "), []byte(plain))); got != "> "+written {
		t.Errorf("Append of bytes: %q", got)
	}
	if got := string(Tail([]byte("\t"+plain), 1)); got != "\t"+written {
		t.Errorf("Tail: %q", got)
	}
	for in, want := range map[string]string{written: plain, "": "", "x\x01": "x", "\x01x\x01\x01": "x\x01", "no pair": "no pair"} {
		if got := string(Unescape([]byte(in))); got != want {
			t.Errorf("Unescape(%q): %q, want %q", in, got, want)
		}
	}
}

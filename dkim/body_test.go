package dkim

import (
	"crypto/sha256"
	"strings"
	"testing"
)

// TestOctetsInLines puts what matters to canonical forms at every place of a text
// that is taken line by line, in stretches of 32 octets, or eight at a time.
func TestOctetsInLines(t *testing.T) {
	var h body
	for _, size := range []int{7, 33, 34, 76, 990, 1010, -76, -1010} {
		words := "Some words of text "
		if size < 0 {
			words, size = "c29tZSB3b3Jkcw", -size
		}
		line := strings.Repeat(words, 1+size/len(words))[:size-1] + "."
		text := strings.Repeat(line+"\r\n", 1+150/size)
		for at := range len(text) {
			if at > 160 && at < 960 { // as at 100
				continue
			}
			for _, odd := range []string{"", " ", "  ", "\t", "\r", "\n", "\r\n", " \r\n", "\x00", "\x7f", "\x80", "\xff", "x ", " x"} {
				for _, whole := range []string{text[:at] + odd + text[at:], text[:at] + odd + text[min(at+len(odd), len(text)):]} {
					for _, c := range []Canon{Relaxed, Simple} {
						h.reset(c)
						h.write([]byte(whole))
						if got, want := h.sum(), sha256.Sum256([]byte(naiveBody(whole, c))); got != want {
							t.Fatalf("%v: wrong hash of %.3000q", c, whole)
						}
						longLines, bareCR, eightBit := naiveFacts(whole)
						if h.longLines != longLines || h.bareCR != bareCR || h.eightBit != eightBit {
							t.Fatalf("%v: %d long lines, %d CRs, 8-bit %v; want %d, %d, %v: %.3000q",
								c, h.longLines, h.bareCR, h.eightBit, longLines, bareCR, eightBit, whole)
						}
					}
				}
			}
		}
	}
}

package dkim

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// loop runs f and reports, beside the time by the clock, the processor's time,
// which tells more where others work too.
func loop(b *testing.B, f func()) {
	b.ReportAllocs()
	used := processorTime(b, func() {
		for b.Loop() {
			f()
		}
	})
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-us/op")
}

// chunk is what Postfix sends at once (postfix src/milter/milter8.c).
const chunk = 65535

func bodies() map[string][]byte {
	const size = 5 << 20
	fill := func(line string) []byte { return bytes.Repeat([]byte(line), size/len(line)) }
	return map[string][]byte{
		"base64":   fill("VGhlIHF1aWNrIGJyb3duIGZveCBqdW1wcyBvdmVyIHRoZSBsYXp5IGRvZywgYW5kIHRoZW4gc29t\r\n"),
		"text":     fill("The quick brown fox jumps over the lazy dog, and then some more of the same.\r\n"),
		"flowed":   fill("The quick brown fox jumps over the lazy dog, and then some more of the same \r\n"),
		"sentence": fill("The quick brown fox.  It jumps over the lazy dog, and then some more of that.\r\n"),
		"source":   fill("\tif err := f.Close(); err != nil {\r\n\t\treturn\terr\r\n\t}\r\n"),
		"8-bit":    fill("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82, \xd0\xbc\xd0\xb8\xd1\x80\r\n"),
		"blank":    fill("\r\n"),
	}
}

// BenchmarkBody hashes 5 MiB in Postfix's chunks; the last is the floor.
func BenchmarkBody(b *testing.B) {
	for _, c := range []Canon{Relaxed, Simple} {
		for name, text := range bodies() {
			b.Run(c.String()+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				var h body
				loop(b, func() {
					h.reset(c)
					for p := range chunks(text, chunk) {
						h.write(p)
					}
					h.sum()
				})
			})
		}
	}
	text := bodies()["base64"]
	b.Run("sha256", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		h := sha256.New()
		loop(b, func() {
			h.Reset()
			for p := range chunks(text, chunk) {
				h.Write(p)
			}
			h.Sum(nil)
		})
	})
}

// chunks yields text in pieces of size octets.
func chunks(text []byte, size int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			n := min(size, len(text))
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

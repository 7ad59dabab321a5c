package dkim

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// costs are messages that a careless signer takes quadratic time for. A part
// of one is repeated n times.
var costs = map[string]func(n int) string{
	"folds":             func(n int) string { return "Subject: " + strings.Repeat("x\n ", 4*n) + "\n" },
	"blank folds":       func(n int) string { return "Subject: x" + strings.Repeat("\n ", 4*n) + "y\n" },
	"fields":            func(n int) string { return strings.Repeat("X-Any: x\n", n) },
	"signed fields":     func(n int) string { return strings.Repeat("To: x\n", n) },
	"long name":         func(n int) string { return strings.Repeat("x", 8*n) + ": x\n" },
	"signatures":        func(n int) string { return strings.Repeat("DKIM-Signature: v=1; d=example.org; s=r\n", n) },
	"tags":              func(n int) string { return "DKIM-Signature: " + strings.Repeat("x;", 8*n) + "\n" },
	"names in h=":       func(n int) string { return ownSignature("to:" + strings.Repeat("from:", 8*n)) },
	"comments":          func(n int) string { return "From: " + strings.Repeat("(", 8*n) + "\n" },
	"closed comments":   func(n int) string { return "From: " + strings.Repeat("(", 4*n) + strings.Repeat(")", 4*n) + "\n" },
	"quotes":            func(n int) string { return "From: " + strings.Repeat(`"x"`, 4*n) + "\n" },
	"backslashes":       func(n int) string { return `From: "` + strings.Repeat(`\"`, 4*n) + "\n" },
	"mailboxes":         func(n int) string { return "From: " + strings.Repeat("a@example.org,", n) + "\n" },
	"commas":            func(n int) string { return "From: " + strings.Repeat("a,", 4*n) + "a@example.org\n" },
	"routes":            func(n int) string { return "From: <" + strings.Repeat("@a,", 4*n) + ":a@example.org>\n" },
	"groups":            func(n int) string { return "From: " + strings.Repeat("a:;,", 4*n) + "\n" },
	"encoded words":     func(n int) string { return "From: " + strings.Repeat("=?a?q?,", 4*n) + "\n" },
	"half encoded word": func(n int) string { return "From: " + strings.Repeat("=?a,", 4*n) + "\n" },
	"dots":              func(n int) string { return "From: a@" + strings.Repeat("a.", 4*n) + "\n" },
	"letters":           func(n int) string { return "From: a@" + strings.Repeat("\u00fc", 4*n) + "\n" },
	"line ends":         func(n int) string { return "\n" + strings.Repeat("\r\n", 64*n) + "x" },
	"lone line ends":    func(n int) string { return "\n" + strings.Repeat("\n", 64*n) + "x" },
	"lone CRs":          func(n int) string { return "\n" + strings.Repeat("\r", 64*n) },
	"blanks":            func(n int) string { return "\n" + strings.Repeat(" ", 64*n) + "x" },
	"blanks and ends":   func(n int) string { return "\n" + strings.Repeat(" \r\n", 64*n) + "x" },
	"two blanks":        func(n int) string { return "\n" + strings.Repeat("x  ", 64*n) },
	"long line":         func(n int) string { return "\n" + strings.Repeat("x", 64*n) },
	"short lines":       func(n int) string { return "\n" + strings.Repeat("x\r\n", 64*n) },
}

// ownSignature is one that Signed must look at closely.
func ownSignature(names string) string {
	const emptyBody = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	return "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=e; h=" + names + "from; bh=" + emptyBody + "; b=AAAA\n"
}

// TestLinear compares the processor's time for a long message with that for
// sixteen of a sixteenth of it. They are about the same if the work is linear,
// save that buffers are kept for short ones alone; the long one takes sixteen
// times as long if the work is quadratic.
func TestLinear(t *testing.T) {
	keys := testKeys(t, "example.org")[1:]
	var m Message
	o := &Options{MaxHeader: 16 << 20}
	once := func(message mail) {
		m.Reset(o)
		for _, f := range message.fields {
			m.Field(f[0], f[1], true)
		}
		m.Author()
		m.StartBody(keys)
		for p := range chunks(message.body, chunk) {
			m.Body(p)
		}
		m.Signed("example.org", "e")
		_, _ = m.Sign(t.Context())
	}
	for name, text := range costs {
		t.Run(name, func(t *testing.T) {
			const n, parts = 20000, 16
			// The author is the first, unless the case has one of its own.
			from := "From: a@example.org\n"
			if strings.HasPrefix(text(1), "From:") {
				from = ""
			}
			long, short := parseMail([]byte(from+text(n))), parseMail([]byte(from+text(n/parts)))
			var ratio float64
			for range 10 { // other load may disturb one comparison, not ten
				whole := processorTime(t, func() { once(long) })
				pieces := processorTime(t, func() {
					for range parts {
						once(short)
					}
				})
				if ratio = float64(whole) / float64(pieces); ratio < 8 {
					return
				}
			}
			t.Errorf("sixteen times the length takes %.1f times as long as sixteen of them", ratio)
		})
	}
}

func processorTime(t testing.TB, f func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return max(used()-before, 1)
}

// TestMemory sees that memory does not grow with the body, whatever it holds.
func TestMemory(t *testing.T) {
	keys := testKeys(t, "example.org")
	for name, piece := range map[string]string{
		"line ends": "\r\n", "lone line ends": "\n", "CRs": "\r", "blanks": " ", "text": "x", "lines": "some text \r\n",
	} {
		for _, c := range []Canon{Relaxed, Simple} {
			var m Message
			p := []byte(strings.Repeat(piece, chunk/len(piece)))
			sign := func(chunks int) uint64 {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				m.Reset(&Options{BodyCanon: c})
				m.Field("From", " a@example.org", true)
				m.StartBody(keys)
				for range chunks {
					m.Body(p)
				}
				if _, err := m.Sign(t.Context()); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				return after.TotalAlloc - before.TotalAlloc
			}
			size := 4 << 20
			if name == "line ends" {
				size = 32 << 20
			}
			sign(1) // makes the buffers
			if used := sign(size / chunk); used > 64<<10 {
				t.Errorf("%v, %s: %d bytes for %d", c, name, used, size)
			}
		}
	}
}

// TestMemoryIsGivenBack sees that no long header stays with a Message.
func TestMemoryIsGivenBack(t *testing.T) {
	var m Message
	o := &Options{}
	m.Reset(o)
	m.Field("From", " a@example.org", true)
	m.Field("To", strings.Repeat(" x", 400<<10), true)
	m.StartBody(testKeys(t, "example.org"))
	if _, err := m.Sign(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Reset(o)
	if kept := cap(m.header.raw) + cap(m.input) + cap(m.own); kept > 3*keepBuffers {
		t.Errorf("%d bytes kept", kept)
	}
}

// TestAllocations sees that a Message reuses its buffers.
func TestAllocations(t *testing.T) {
	keys := testKeys(t, "example.org")
	message := parseMail([]byte(tea))
	var m Message
	allocs := testing.AllocsPerRun(20, func() {
		message.feed(&m, &Options{}, func(string) []*Key { return keys }, chunk)
		if _, err := m.Sign(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("%.0f allocations for a message with two signatures", allocs)
	if allocs > 40 {
		t.Errorf("%.0f allocations for a message with two signatures", allocs)
	}
}

// BenchmarkSign takes messages with 13 fields from Reset to Sign.
func BenchmarkSign(b *testing.B) {
	const head = "Received: from a.example.org (a.example.org [192.0.2.1])\n\tby mx.example.org (Postfix) with ESMTPSA id 4XyZ0123;\n\tMon,  2 Feb 2026 10:00:00 +0100 (CET)\n" +
		"From: =?utf-8?Q?Ada_L=C3=B6velace?= <ada@example.org>\nTo: Ben <ben@example.net>\nCc: Carl <carl@example.net>\nSubject: tea at five\n" +
		"Date: Mon, 02 Feb 2026 10:00:00 +0100\nMessage-ID: <4711.0815@example.org>\nIn-Reply-To: <1@example.net>\nReferences: <0@example.net>\n <1@example.net>\n" +
		"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\nUser-Agent: tea\n\n"
	both := testKeys(b, "example.org")
	for name, keys := range map[string][]*Key{"rsa": both[:1], "ed25519": both[1:], "both": both} {
		for size, text := range map[string]int{"2k": 2 << 10, "20k": 20 << 10, "5m": 5 << 20} {
			message := parseMail([]byte(head + strings.Repeat("The quick brown fox jumps over the lazy dog. \r\n", text/47)))
			b.Run(name+"/"+size, func(b *testing.B) {
				var m Message
				o := &Options{}
				loop(b, func() {
					message.feed(&m, o, func(string) []*Key { return keys }, chunk)
					if _, err := m.Sign(b.Context()); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

package password

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// perlCrypt prints how many nanoseconds crypt(3) takes for a password and hash.
const perlCrypt = `use Time::HiRes "time"; my ($pw, $s) = @ARGV; my ($t, $n) = (time, 0);
while (time - $t < 1) { crypt($pw, $s) eq $s or die "no match"; $n++ } printf "%d", (time - $t) * 1e9 / $n`

// BenchmarkVerify measures beside crypt(3) of this host, where perl has it:
// x-crypt(3) is how many times longer ours takes.
func BenchmarkVerify(b *testing.B) {
	for _, v := range []struct{ name, stored string }{
		{"sha512-5000", "{CRYPT}$6$saltsaltsaltsalt$ph0yGsyjzqdeFaon7.gJZo8eAG5/rj9/JdzOu1Rl7dKzBYg3xgvl7T2VQ2Rt81bc5AXkdA54r0p8QvC1omD6R1"},
		{"sha512-70000", "{CRYPT}$6$rounds=70000$saltsalt$"},
		{"sha256-5000", "{CRYPT}$5$saltsaltsaltsalt$X0ra9qlY7TJaGBDgorLevriQfwysW8fXnbybcO4mF4/"},
		{"bcrypt-5", "{CRYPT}$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"},
		{"yescrypt-j75", "{CRYPT}$y$j75$abcdefghijklmnop$vZlXu1XtxOBWRxjOpQqONp1WYfMO0dN.H4xeSMU2ZvC"},
		{"argon2id-64MiB-3-4", "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=4$"},
		{"plain", "{PLAIN}secret"},
	} {
		b.Run(v.name, func(b *testing.B) {
			stored := v.stored
			if scheme, text, _ := strings.Cut(stored[1:], "}"); strings.HasSuffix(text, "$") {
				if scheme == "CRYPT" {
					scheme = "SHA512-CRYPT"
				}
				var err error
				if stored, err = New(scheme, "", "secret", Params{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				h, err := Parse(stored, "")
				if err != nil {
					b.Fatal(err)
				}
				if ok, err := h.Verify("", "secret"); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
			beside(b, stored)
		})
	}
}

// beside reports how long crypt(3) takes.
func beside(b *testing.B, stored string) {
	ours := b.Elapsed() / time.Duration(b.N)
	text := stored[strings.IndexByte(stored, '}')+1:]
	if !strings.HasPrefix(text, "$") || strings.HasPrefix(text, "$argon2") {
		return
	}
	out, err := exec.Command("perl", "-e", perlCrypt, "secret", text).Output()
	theirs, perr := strconv.ParseInt(string(out), 10, 64)
	if err != nil || perr != nil {
		b.Logf("no crypt(3) to compare with: %v %s", err, out)
		return
	}
	b.ReportMetric(float64(ours)/float64(theirs), "x-crypt(3)")
}

// BenchmarkParse is what each login pays before any hashing.
func BenchmarkParse(b *testing.B) {
	stored, err := New("SHA512-CRYPT", "", "secret", cheapParams("SHA512-CRYPT"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(stored, "CRYPT"); err != nil {
			b.Fatal(err)
		}
	}
}

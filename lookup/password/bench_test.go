package password

import "testing"

func BenchmarkVerify(b *testing.B) {
	for _, v := range []struct{ name, stored string }{
		{"sha512crypt-5000", "{SHA512-CRYPT}$6$saltsaltsaltsalt$ph0yGsyjzqdeFaon7.gJZo8eAG5/rj9/JdzOu1Rl7dKzBYg3xgvl7T2VQ2Rt81bc5AXkdA54r0p8QvC1omD6R1"},
		{"sha512crypt-70000", "{SHA512-CRYPT}$6$rounds=70000$DmJ/Knw30RDDCLUg$EWiFNPHHmN1r/aBv7FquH4SXi671Lz4ZN//PcK0q9Kq1bFeUgz3rp00MOzVf9B3V4YCeS2oT9NkzKA8GT/dDu."},
		{"sha256crypt-5000", "{CRYPT}$5$saltsaltsaltsalt$X0ra9qlY7TJaGBDgorLevriQfwysW8fXnbybcO4mF4/"},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			h, err := Parse(v.stored, "CRYPT")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if ok, err := h.Verify("", "secret"); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

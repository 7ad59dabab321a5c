package opendkim

import "testing"

// plan reads a configuration in which the named files have these contents.
func plan(t testing.TB, conf, signing, keys string) *Plan {
	return readAll(t, conf, map[string]string{"/signing": signing, "/keys": keys})
}

// check holds what is true of every plan.
func check(t *testing.T, conf, signing, keys, address string) {
	p := plan(t, conf, signing, keys)
	report := reportOf(t, p)
	if again := reportOf(t, plan(t, conf, signing, keys)); again != report {
		t.Fatalf("the second report differs:\n%s\n%s", report, again)
	}
	for _, s := range p.Settings {
		if s.Means == "" || s.Verdict == "" {
			t.Fatalf("nothing is said of %+v", s)
		}
	}
	for _, r := range p.Signs {
		if r.Means == "" {
			t.Fatalf("nothing is said of %+v", r)
		}
	}
	if got := p.For(address); p.tables != nil && !p.tables.multiple && len(got) > 1 {
		t.Fatalf("%d signatures without MultipleSignatures", len(got))
	}
}

func FuzzConf(f *testing.F) {
	for _, seed := range []string{
		modoboaConf, "SigningTable refile:/signing\nKeyTable /keys\n", "Domain example.com\nSelector s\nKeyFile /k.pem\nSubDomains yes\n", "Include /etc/opendkim.conf\n", "Socket inet:1@[::1]\nUMask 0x2\n",
		"InternalHosts csl:!10.0.0.0/8,[::1],fe80::1%eth0\n", "MacroList {daemon_name}=a|b\n", "Nameservers 1.2.3.4,x\n", "KeyTable csl:a=%:s:/k/%\nSigningTable csl:*=a\n", "Socket local:/a\"b\\c\nUserID a:b\tc\n", "Socket\x00\nMTA \xff\x1b[0m\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, conf string) {
		check(t, conf, "*@example.com k\n.example.org k\n", "k example.com:s:/keys/k.pem\n", "a@example.com")
	})
}

func FuzzTables(f *testing.F) {
	f.Add("*@example.com k\n", "k example.com:s:/k.pem\n", "a@example.com", true)
	f.Add(".example.com k:i@%\n* %\n", "k %:s:/keys/%/s.pem\nsub.example.com %:s:MIIE\n", "a@sub.example.com", false)
	f.Add("a@*\tk # x\n(a|b)@x k\n*@* k\n", "k :s:\nk a:b:./c\nk\n", "a@*", true)
	f.Add("\x00\xff \xff\n", "\xff \xff:\x1b:\"\\\n", "@", false)
	f.Fuzz(func(t *testing.T, signing, keys, address string, refile bool) {
		conf := "KeyTable /keys\nSigningTable /signing\n"
		if refile {
			conf = "KeyTable /keys\nSigningTable refile:/signing\n"
		}
		check(t, conf, signing, keys, address)
		check(t, conf+"MultipleSignatures yes\n", signing, keys, address)
	})
}

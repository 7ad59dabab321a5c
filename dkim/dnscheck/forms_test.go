package dnscheck

import (
	"crypto"
	"encoding/json"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func TestForms(t *testing.T) {
	const short = "v=DKIM1; k=ed25519; p=AAAA"
	if got, want := Zone(at+".", short), at+`. IN TXT "v=DKIM1; k=ed25519; p=AAAA"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	long := "v=DKIM1; k=rsa; p=" + strings.Repeat("A", 300)
	if got, want := Zone(at, long), at+`. IN TXT ( "`+long[:255]+"\"\n\t\""+long[255:]+`" )`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Line(at+".", short), at+" TXT "+short; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	text, err := json.Marshal(Publish(at, long))
	if err != nil || !strings.Contains(string(text), `"name":"`+at+`","type":"TXT","value":"`+long+`","strings":["`+long[:255]+`","`+long[255:]+`"]`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestZoneFilesRead: a zone file holds what was to be published, whatever it is.
func TestZoneFilesRead(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, text string) {
		rr, err := dns.NewRR("$TTL 60\n" + Zone(at, text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		txt := rr.(*dns.TXT)
		wire := make([]byte, 70000)
		end, err := dns.PackRR(txt, wire, 0, nil, false)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got := ""
		for data := wire[len(at)+2+10 : end]; len(data) > 0; data = data[1+int(data[0]):] { // name, then type, class, TTL, length
			got += string(data[1 : 1+int(data[0])])
		}
		if got != text || txt.Hdr.Name != at+"." {
			t.Fatalf("%q became %q at %s", text, got, txt.Hdr.Name)
		}
	}
	for _, k := range []crypto.PublicKey{rsaPublic(), publicOf(4096), edPublic} {
		check(t, record(k))
	}
	property.Check(t, func(t *rapid.T) { check(t, string(rapid.SliceOfN(rapid.Byte(), 1, 1000).Draw(t, "text"))) })
}

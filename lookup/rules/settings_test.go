package rules

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
)

func TestParseLimit(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"500 recipients/day", "500 recipients per day"},
		{" 60  messages / 1h ", "60 messages per 1h"},
		{"0 recipients/day", "0 recipients per day"},
		{"200 new-recipients/24h", "200 new-recipients per 24h"},
		{"500M bytes/90m", "524288000 bytes per 90m"},
		{"2G bytes/day", "2147483648 bytes per day"},
	} {
		l, err := ParseLimit(tc.text)
		if err != nil || limitText(l) != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.text, limitText(l), err, tc.want)
		}
	}
	for _, text := range []string{
		"", "5", "recipients/day", "5 recipients", "5 mails/day", "-1 messages/day", "5K messages/day", "5 messages/week", "5 messages/0s",
		"5 messages/800h", "x bytes/day", "1.5G bytes/day", "M bytes/day", "5 refusals/day", "9999999999 bytes/day",
	} {
		if l, err := ParseLimit(text); err == nil {
			t.Errorf("%q: %v", text, l)
		}
	}
}

func TestParseReply(t *testing.T) {
	for _, text := range []string{"554 5.2.2 Mailbox is full", "REJECT 5.2.2 full", "REJECT", "DEFER 4.2.2 full", "DEFER_IF_PERMIT later", "450 4.2.1 later"} {
		a, err := ParseReply(" " + text + " ")
		if err != nil || a.String() != text {
			t.Errorf("%q: %v, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "OK", "DUNNO", "250 ok", "554", "5540 x", "600 x", "reject x", "HOLD", "PREPEND X: y", "0554 x", "+554 x"} {
		if a, err := ParseReply(text); err == nil {
			t.Errorf("%q: %v", text, a)
		}
	}
}

func TestParseExemptions(t *testing.T) {
	e, err := ParseExemptions([]string{"User@Example.com", "Example.ORG", "10.0.0.0/8", "2001:db8::1", "context:webmail", "context:Has Space"})
	var bad *EntryError
	if !errors.As(err, &bad) || bad.Index != 5 {
		t.Fatalf("%v", err)
	}
	e, err = ParseExemptions([]string{"User@Example.com", "Example.ORG", "10.0.0.0/8", "2001:db8::1", "context:webmail"})
	if err != nil {
		t.Fatal(err)
	}
	r := &policy.Request{}
	for _, tc := range []struct {
		account, domain string
		want            bool
	}{{"user@example.com", "example.com", true}, {"other@example.com", "example.com", false}, {"a@example.org", "example.org", true}, {"", "", false}} {
		if got := e.match(r, tc.account, tc.domain); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	for _, text := range []string{"", "@example.com", "10.0.0.0/33", "a b", "example.com/8"} {
		if _, err := ParseExemptions([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if p, ok := parseNetwork("10.1.2.3/8"); !ok || p != netip.MustParsePrefix("10.0.0.0/8") {
		t.Errorf("%v, %v", p, ok)
	}
}

func TestSortLimits(t *testing.T) {
	list := []sendlimit.Limit{{Unit: sendlimit.Bytes}, {Unit: sendlimit.Recipients, Window: 5}, {Unit: sendlimit.Recipients}}
	sortLimits(list)
	if list[0].Unit != sendlimit.Recipients || list[0].Window != sendlimit.Day || list[2].Unit != sendlimit.Bytes {
		t.Errorf("%v", list)
	}
}

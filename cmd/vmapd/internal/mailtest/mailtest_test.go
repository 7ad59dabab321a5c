package mailtest

import (
	"bufio"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSinkTakesMailForKnownUsers(t *testing.T) {
	s := ListenSink(t, SinkOptions{Name: "lmtp", Users: []string{"user@home.test", "two words@home.test"}})
	m := &Message{Name: "test", To: []string{"User+x@home.test", "nobody@home.test", `"two words"@home.test`}}
	told, err := m.send(s.listener.Addr().String(), "a@far.test", "tag-1")
	if err != nil {
		t.Fatal(err)
	}
	want := &replies{
		mail: "250 2.1.0 Ok", data: "250 2.0.0 Saved",
		rcpt: []string{"250 2.1.5 Ok", "550 5.1.1 User doesn't exist", "250 2.1.5 Ok"},
	}
	if diff := cmp.Diff(want, told, cmp.AllowUnexported(replies{})); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	delivered := []Delivery{
		{Sink: "lmtp", Sender: "a@far.test", Recipient: "User+x@home.test", Tag: "tag-1"},
		{Sink: "lmtp", Sender: "a@far.test", Recipient: `"two words"@home.test`, Tag: "tag-1"},
	}
	if diff := cmp.Diff(delivered, s.Deliveries()); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestSinkKnowsBouncesAndAnswersLMTP(t *testing.T) {
	s := &Sink{SinkOptions: SinkOptions{Name: "lmtp", LMTP: true}}
	text := []string{"From: MAILER-DAEMON", "", "could not be delivered", "", tagHeader + ": tag-2", "", "text"}
	if got := s.take("", []string{"a@far.test", "b@far.test"}, text); len(got) != 2 {
		t.Errorf("replies = %q; want one for each recipient", got)
	}
	want := []Delivery{
		{Sink: "lmtp", Recipient: "a@far.test", Tag: "tag-2", Bounce: true},
		{Sink: "lmtp", Recipient: "b@far.test", Tag: "tag-2", Bounce: true},
	}
	if diff := cmp.Diff(want, s.Deliveries()); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
}

func TestPath(t *testing.T) {
	for arg, want := range map[string]string{
		"FROM:<a@b.test> SIZE=100":  "a@b.test",
		"FROM:<>":                   "",
		`TO:<"a>b"@c.test>`:         `"a>b"@c.test`,
		`TO:<"a\">b"@c.test> X=<y>`: `"a\">b"@c.test`,
		"TO:<a@b.test":              "a@b.test",
		"nothing":                   "",
	} {
		if got := path(arg); got != want {
			t.Errorf("path(%q) = %q; want %q", arg, got, want)
		}
	}
}

func TestAuthStub(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "auth")
	ListenAuth(t, socket, map[string]string{"user@home.test": "secret"})
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "VERSION\t1\t0\nCPID\t1\n"+
		"AUTH\t1\tPLAIN\tservice=smtp\tresp=AHVzZXJAaG9tZS50ZXN0AHNlY3JldA==\n"+ // \0user@home.test\0secret
		"AUTH\t2\tPLAIN\tservice=smtp\tresp=AHVzZXJAaG9tZS50ZXN0AHdyb25n\n"+ // \0user@home.test\0wrong
		"AUTH\t3\tPLAIN\tservice=smtp\nCONT\t3\tAFVTRVJAaG9tZS50ZXN0AHNlY3JldA==\n"+ // \0USER@home.test\0secret
		"AUTH\t4\tPLAIN\tservice=smtp\tresp=!\n")
	var got []string
	lines := bufio.NewScanner(c)
	for len(got) < 5 && lines.Scan() {
		if verb, _, _ := strings.Cut(lines.Text(), "\t"); verb == "OK" || verb == "FAIL" || verb == "CONT" {
			got = append(got, lines.Text())
		}
	}
	want := []string{"OK\t1\tuser=user@home.test", "FAIL\t2\tuser=user@home.test", "CONT\t3\t", "OK\t3\tuser=user@home.test", "FAIL\t4\treason=invalid response"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
}

func TestOutcome(t *testing.T) {
	r := &Runner{}
	told := &replies{
		auth: "535 5.7.8 Error: authentication failed", mail: "250 2.1.0 Ok", data: "451 4.3.0 later",
		rcpt: []string{"250 2.1.5 Ok", "553 5.7.1 <x-1-000@far.test>: no"},
	}
	got := r.outcome(told, "x-1-000", []string{"smtp b@far.test", "lmtp a@home.test"})
	want := Outcome{
		Summary: "auth 535 5.7.8; 250 2.1.5; 553 5.7.1; data 451 4.3.0 -> lmtp a@home.test, smtp b@far.test",
		Replies: []string{"auth 535 5.7.8 Error: authentication failed", "250 2.1.5 Ok", "553 5.7.1 <TAG@far.test>: no", "data 451 4.3.0 later"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		version, want string
		yes           bool
	}{{"3.7.11", "3.8", false}, {"3.8.0", "3.8", true}, {"3.10.4", "3.8", true}, {"4.0", "3.8", true}, {"3.11-20250101", "3.11", true}} {
		if got := AtLeast(c.version, c.want); got != c.yes {
			t.Errorf("AtLeast(%q, %q) = %v", c.version, c.want, got)
		}
	}
}

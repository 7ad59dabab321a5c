package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// decide does what the recipient says.
func decide(_ context.Context, r *Request) Action {
	switch string(r.Recipient) {
	case "later@a.test":
		return Defer("4.7.1 Too many messages")
	case "perhaps@a.test":
		return DeferIfPermit("4.3.0 Ask again")
	case "never@a.test":
		return Reject("5.7.1 Not today")
	case "full@a.test":
		return Reply(552, "5.2.2 Mailbox is full")
	case "silent@a.test":
		return None()
	case "echo@a.test":
		return Reject(fmt.Sprintf("%v %s %s %v %d %d", r.State, r.Sender, r.SASLUsername, r.ClientAddress(), r.RecipientCount, r.Size))
	case "x@a.test":
		v, ok := r.Get("x")
		return Reject(fmt.Sprintf("%q %v", v, ok))
	}
	return Dunno()
}

func TestTranscripts(t *testing.T) {
	linetest.PlayAll(t, (&Server{Decide: decide, Prompt: func(*Request) bool { return true }}).ServeConn)
}

// TestSplits cuts what the client sends at random places.
func TestSplits(t *testing.T) {
	linetest.PlaySplits(t, (&Server{Decide: decide, Prompt: func(*Request) bool { return true }}).ServeConn)
}

// asPostfix is a request as Postfix 3.7 sends it.
const asPostfix = `request=smtpd_access_policy
protocol_state=END-OF-MESSAGE
protocol_name=ESMTP
client_address=2001:db8::25
client_name=mx.example.test
client_port=55555
reverse_client_name=mx.example.test
server_address=192.0.2.1
server_port=25
helo_name=mx.example.test
sender=a=b@example.test
recipient=
recipient_count=3
queue_id=4F00D1234
instance=7b.5a1f.0.0
size=2179
etrn_domain=
stress=
sasl_method=PLAIN
sasl_username=ann@example.test
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=TLSv1.3
encryption_cipher=TLS_AES_256_GCM_SHA384
encryption_keysize=256
policy_context=submission

`

func TestRequest(t *testing.T) {
	var got Request
	s := &Server{Decide: func(_ context.Context, r *Request) Action {
		got = *r
		if a := r.ClientAddress(); a != netip.MustParseAddr("2001:db8::25") {
			t.Errorf("client_address %v", a)
		}
		for name, want := range map[string]string{"encryption_keysize": "256", "sender": "a=b@example.test", "stress": "", "tls_sni": "-"} {
			if v, ok := r.Get(name); string(v) != strings.Trim(want, "-") || ok != (want != "-") {
				t.Errorf("%s: %q, %v", name, v, ok)
			}
		}
		return Dunno()
	}}
	out, err := linetest.Run(s.ServeConn, strings.NewReader(asPostfix))
	if out != "action=DUNNO\n\n" || err != nil {
		t.Fatalf("%q, %v", out, err)
	}
	got.lines = nil
	want := Request{
		State: EndOfMessage, Instance: []byte("7b.5a1f.0.0"), QueueID: []byte("4F00D1234"), Sender: []byte("a=b@example.test"), Recipient: []byte{},
		HeloName: []byte("mx.example.test"), ClientName: []byte("mx.example.test"), SASLUsername: []byte("ann@example.test"), SASLMethod: []byte("PLAIN"),
		PolicyContext: []byte("submission"), address: []byte("2001:db8::25"), RecipientCount: 3, Size: 2179,
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Request{})); d != "" {
		t.Error(d)
	}
}

// TestAnyOrder takes requests apart whose attributes are out of order, missing,
// repeated or unknown, and compares with looking for each by its name.
func TestAnyOrder(t *testing.T) {
	known := strings.SplitAfter(strings.TrimSpace(asPostfix)+"\n", "\n")
	known = known[1 : len(known)-1]
	lines := append(slices.Clone(known), "sender=again\n", "sende=x\n", "senders=x\n", "=x\n", "size=07\n", "size=+7\n", "recipient_count=2147483647\n", "mail_version=3.7.11\n")
	property.Check(t, func(t *rapid.T) {
		from := rapid.IntRange(0, len(known)).Draw(t, "from")
		ordered := known[from:rapid.IntRange(from, len(known)).Draw(t, "to")]
		text := strings.Join(ordered, "") + strings.Join(rapid.SliceOfN(rapid.SampledFrom(lines), 0, 12).Draw(t, "lines"), "")
		in := []byte("request=smtpd_access_policy\n" + text + "\n")
		if rapid.Bool().Draw(t, "last") {
			in = []byte(text + "request=smtpd_access_policy\n\n")
		}
		var r Request
		if n, err := r.parse(in); n != len(in) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(in), err)
		}
		get := func(name string) []byte { v, _ := r.Get(name); return v }
		want := Request{
			State: stateOf(get("protocol_state")), Instance: get("instance"), QueueID: get("queue_id"), Sender: get("sender"), Recipient: get("recipient"),
			HeloName: get("helo_name"), ClientName: get("client_name"), SASLUsername: get("sasl_username"), SASLMethod: get("sasl_method"),
			PolicyContext: get("policy_context"), address: get("client_address"),
			RecipientCount: int(parseCount(get("recipient_count"), 31)), Size: parseCount(get("size"), 63), lines: r.lines,
		}
		if d := cmp.Diff(want, r, cmp.AllowUnexported(Request{})); d != "" {
			t.Fatal(d)
		}
	})
}

func TestCounts(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "0": 0, "1": 1, "2179": 2179, "9223372036854775806": 1<<63 - 2, "9223372036854775807": 0, "9999999999999999999": 0,
		"18446744073709551617": 0, "-1": 0, "+1": 0, "1x": 0, "07": 0, "1 ": 0,
	} {
		if n := parseCount([]byte(text), 63); n != want {
			t.Errorf("%q: %d, want %d", text, n, want)
		}
	}
	if n, most := parseCount([]byte("2147483647"), 31), parseCount([]byte("2147483646"), 31); n != 0 || most != 1<<31-2 {
		t.Errorf("at 31 bits: %d, %d", n, most)
	}
}

func TestActions(t *testing.T) {
	long := strings.Repeat("ä", 300)
	for _, tc := range []struct {
		a    Action
		want string
	}{
		{Action{}, "DUNNO"},
		{Defer(""), "DEFER"},
		{Reject("5.7.1 no\naction=OK"), "REJECT 5.7.1 no?action=OK"},
		{Reject("b\xfccher\x00"), "REJECT b?cher?"},
		{Reject(long), "REJECT " + long[:400]},
		{Reply(421, ""), "421 Refused"},
		{Reply(552, "5.2.2 full"), "552 5.2.2 full"},
		{Reply(250, "ok"), "DEFER ok"},
		{Reply(600, "x"), "DEFER x"},
		{DeferIfPermit("x"), "DEFER_IF_PERMIT x"},
		{Action{Verb: 99, Text: "x"}, "DEFER x"},
		{None(), "(none)"},
	} {
		if got := tc.a.String(); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.a, got, tc.want)
		}
	}
}

// TestLongRequest: a request that is too long ends the connection, after the
// answers to those before it.
func TestLongRequest(t *testing.T) {
	in := "request=smtpd_access_policy\n\nrequest=smtpd_access_policy\nx=" + strings.Repeat("x", DefaultMaxRequest)
	out, err := linetest.Run((&Server{Decide: decide}).ServeConn, strings.NewReader(in))
	var pe *ProtocolError
	if out != "action=DUNNO\n\n" || !errors.As(err, &pe) {
		t.Errorf("%q, %v", out, err)
	}
}

// TestSilence: what nobody can answer ends the connection, after the answers to
// what came before it; what came after it is not answered.
func TestSilence(t *testing.T) {
	const ask = "request=smtpd_access_policy\nrecipient=%s\n\n"
	in := fmt.Sprintf(ask+ask+ask, "never@a.test", "silent@a.test", "later@a.test")
	s := &Server{Decide: decide, PassOn: func(net.Conn, []byte) { t.Error("passed on") }}
	out, err := linetest.Run(s.ServeConn, strings.NewReader(in))
	if out != "action=REJECT 5.7.1 Not today\n\n" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

// TestPassOn has a connection go from one server to another at every byte: the
// client must not notice.
func TestPassOn(t *testing.T) {
	const input = "request=smtpd_access_policy\nrecipient=never@a.test\n\nrequest=smtpd_access_policy\nrecipient=later@a.test\n\n"
	serve := func(cut int) string {
		var said []byte
		server := func() *Server {
			return &Server{Decide: decide, PassOn: func(_ net.Conn, s []byte) { said = bytes.Clone(s) }}
		}
		return linetest.PlayPassedOn(t, input, cut, server().ServeConn, func() linetest.ServeFunc {
			before := said
			return func(ctx context.Context, nc net.Conn) error { return server().Resume(ctx, nc, before) }
		})
	}
	want := "action=REJECT 5.7.1 Not today\n\naction=DEFER 4.7.1 Too many messages\n\n"
	for cut := range len(input) + 1 {
		if got := serve(cut); got != want {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	done := make(chan error, 1)
	s := &Server{Decide: decide}
	go func() { done <- s.ServeConn(context.Background(), server) }()
	linetest.Allocs(t, client, 0.1, asPostfix, "action=DUNNO\n\n")
	client.Close()
	<-done
}

// FuzzServeConn sends anything, whole and byte by byte: both get the same
// answers, each of which Postfix understands and none of which is leave to pass.
func FuzzServeConn(f *testing.F) {
	f.Add([]byte(asPostfix))
	for _, s := range []string{"request=smtpd_access_policy\nrecipient=x@a.test\nx=1\nx=2\n\n", "\n", "\n\n", "request=other\n\n", "noequals\n\n", "=\n\n", "request=smtpd_access_policy\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := &Server{Decide: func(ctx context.Context, r *Request) Action {
			if a := decide(ctx, r); a.Verb != VerbDunno {
				return a
			}
			return Reply(r.RecipientCount, string(r.Sender))
		}, Prompt: func(*Request) bool { return true }}
		out, err := linetest.Run(s.ServeConn, bytes.NewReader(in))
		slow, slowErr := linetest.Run(s.ServeConn, iotest.OneByteReader(bytes.NewReader(in)))
		if out != slow || (err == nil) != (slowErr == nil) {
			t.Fatalf("whole: %q, %v\nbytes: %q, %v", out, err, slow, slowErr)
		}
		looped, loopedErr := linetest.RunLooped(s.ServeConn, iotest.HalfReader(bytes.NewReader(in)))
		if out != looped || (err == nil) != (loopedErr == nil) {
			t.Fatalf("whole: %q, %v\non an event loop: %q, %v", out, err, looped, loopedErr)
		}
		var pe *ProtocolError
		if err != nil && !errors.As(err, &pe) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("error of an unknown kind: %v", err)
		}
		if !utf8.ValidString(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		for _, reply := range strings.SplitAfter(out, "\n\n") {
			if reply == "" {
				continue
			}
			action, ok := strings.CutPrefix(strings.TrimSuffix(reply, "\n\n"), "action=")
			verb, text, _ := strings.Cut(action, " ")
			switch {
			case !ok || strings.ContainsAny(action, "\n\r\x00"):
				t.Fatalf("no reply: %q", reply)
			case verb == "DUNNO", verb == "DEFER", verb == "DEFER_IF_PERMIT", verb == "REJECT":
			case len(verb) == 3 && (verb[0] == '4' || verb[0] == '5') && text != "":
			default:
				t.Fatalf("action %q", action)
			}
		}
	})
}

// TestSizes compares looking at eight bytes at a time with looking at each.
func TestSizes(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\t\t\n\x1f \x7e\x7f\x80\xff=<>\x0b")), rapid.ByteRange('a', 'z'), rapid.ByteRange('a', 'z'))).Draw(t, "text")
		size := func(ends func(c byte) bool) int {
			if n := slices.IndexFunc(b, ends); n >= 0 {
				return n
			}
			return len(b)
		}
		if got, want := nameSize(b), size(func(c byte) bool { return c == '=' || c == '\n' }); got != want {
			t.Fatalf("name in %q: %d, want %d", b, got, want)
		}
		if got, want := valueSize(b), size(func(c byte) bool { return c != '\t' && (c < ' ' || c == 0x7f) }); got != want {
			t.Fatalf("value in %q: %d, want %d", b, got, want)
		}
	})
}

// BenchmarkParse takes a request apart.
func BenchmarkParse(b *testing.B) {
	var r Request
	in := []byte(asPostfix)
	for b.Loop() {
		if n, err := r.parse(in); n != len(in) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	s := &Server{Decide: decide}
	linetest.Bench(b, func(nc net.Conn) { _ = s.ServeConn(context.Background(), nc) }, []byte(asPostfix), []byte("action=DUNNO\n\n"))
}

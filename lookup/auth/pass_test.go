package auth

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// heir serves what the first of two servers has passed on, as another process
// would, which it reaches as JSON.
type heir struct {
	old, next *Server
	passed    []byte
}

func newHeir() *heir {
	h := &heir{old: testServer(), next: testServer()}
	h.old.PassOn = func(_ net.Conn, p *Passed) { h.passed, _ = json.Marshal(p) }
	return h
}

func (h *heir) state(t *testing.T) *Passed {
	if h.passed == nil {
		t.Fatal("nothing was passed on")
	}
	p := new(Passed)
	if err := json.Unmarshal(h.passed, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPassOn has a connection go from one server to another at every byte: the
// client must not notice.
func TestPassOn(t *testing.T) {
	for name, tc := range map[string]struct {
		input string
		serve func(*heir) (first, next linetest.ServeFunc)
	}{
		"client": {
			"VERSION\t1\t2\nCPID\t77\n" + plainText("1", "imap", "alice@d1.test", "secret") +
				"AUTH\t2\tLOGIN\tservice=smtp\tsession=\x01t\nAUTH\t3\tPLAIN\tservice=imap\nAUTH\t4\tLOGIN\tservice=imap\tresp=YWxpY2VAZDEudGVzdA==\n" +
				"CONT\t2\tYWxpY2VAZDEudGVzdA==\nCONT\t4\tc2VjcmV0\nCONT\t2\tc2VjcmV0\nCANCEL\t3\n" + plainText("5", "imap", "bob@d1.test", "x") +
				"AUTH\t6\tLOGIN\tservice=imap\tresp==\nCONT\t6\t=\nAUTH\t7\tLOGIN\tservice=imap\tsession=7\n",
			func(h *heir) (first, next linetest.ServeFunc) {
				return h.old.ServeClient, func(ctx context.Context, nc net.Conn) error { return h.next.ResumeClient(ctx, nc, h.state(t)) }
			},
		},
		"master": {
			"VERSION\t1\t1\nUSER\t1\talice@d1.test\tservice=lmtp\nPASS\t2\talice@d1.test\tservice=lmtp\r\nUSER\t3\tnobody@d1.test\tservice=lmtp\nCACHE-FLUSH\t4\n",
			func(h *heir) (first, next linetest.ServeFunc) {
				return func(ctx context.Context, nc net.Conn) error { return h.old.ServeMaster(ctx, nc, nil) },
					func(ctx context.Context, nc net.Conn) error { return h.next.ResumeMaster(ctx, nc, nil, h.state(t)) }
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cookie := regexp.MustCompile(`COOKIE\t[0-9a-f]{32}\n`)
			play := func(cut int) string {
				h := newHeir()
				first, next := tc.serve(h)
				out := linetest.PlayPassedOn(t, tc.input, cut, first, func() linetest.ServeFunc {
					h.next.Adopt(h.old.Leave())
					return next
				})
				return cookie.ReplaceAllString(out, "COOKIE\n")
			}
			want := play(len(tc.input))
			if strings.Count(want, "\n") < 5 {
				t.Fatalf("answers %q", want)
			}
			for cut := range len(tc.input) {
				if diff := cmp.Diff(want, play(cut)); diff != "" {
					t.Errorf("cut at %d (-want +got):\n%s", cut, diff)
				}
			}
		})
	}
}

// TestPassOnLogins lets the steps of logins happen before and after a connection
// was passed on.
func TestPassOnLogins(t *testing.T) {
	const alice = "alice@d1.test\tuid=5000\tgid=5000\thome=/srv/d1.test/alice\tauth_mech=PLAIN"
	synctest.Test(t, func(t *testing.T) {
		h := newHeir()
		k := newClient(t, h.old, "2", "77")
		for _, id := range []string{"1", "2"} {
			k.send(plainText(id, "imap", "alice@d1.test", "secret"))
			k.want("OK\t" + id + "\tuser=alice@d1.test")
		}
		k.drain()
		if err := k.ended(); err != nil {
			t.Fatal(err)
		}
		h.next.Adopt(h.old.Leave())
		server, nc := net.Pipe()
		done := make(chan error, 1)
		go func() { done <- h.next.ResumeClient(t.Context(), server, h.state(t)) }()
		out := make(chan string, 10)
		go func() {
			for b := make([]byte, 1000); ; {
				n, err := nc.Read(b)
				if err != nil {
					return
				}
				out <- string(b[:n])
			}
		}()
		_, _ = io.WriteString(nc, plainText("3", "imap", "alice@d1.test", "secret"))
		if got := <-out; got != "OK\t3\tuser=alice@d1.test\n" {
			t.Errorf("the next server: %q", got)
		}
		_, _ = io.WriteString(nc, "CANCEL\t2\n")
		synctest.Wait()
		m := newMaster(t, h.next, nil)
		for id, want := range map[string]string{"1": "USER\t1\t" + alice, "2": "FAIL\t2", "3": "USER\t3\t" + alice} {
			m.send("REQUEST\t" + id + "\t77\t" + id + "\t" + k.cookie + "\n")
			m.want(want)
		}
		nc.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(keepFor)
	})
}

// TestPassOnNot drains connections whose end says something, or whose checks
// take too long: they are not passed on.
func TestPassOnNot(t *testing.T) {
	for name, tc := range map[string]struct {
		check func(*Attempt) (Outcome, Rest)
	}{
		"a temporary failure of Postfix's is due": {func(*Attempt) (Outcome, Rest) { return Outcome{}, nil }},
		"a temporary failure of Postfix's comes": {func(*Attempt) (Outcome, Rest) {
			return Outcome{}, func(context.Context) Outcome { time.Sleep(time.Second); return Outcome{} }
		}},
		"a check takes too long": {func(*Attempt) (Outcome, Rest) {
			return Outcome{}, func(ctx context.Context) Outcome { <-ctx.Done(); return Outcome{Verdict: Yes, User: "x"} }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHeir()
				h.old.Check = tc.check
				k := newClient(t, h.old, "2", "77")
				k.send(plainText("1", "smtp", "alice@d1.test", "secret"))
				synctest.Wait()
				k.drain()
				if err := k.ended(); err != nil {
					t.Error(err)
				}
				if h.passed != nil {
					t.Errorf("passed on: %s", h.passed)
				}
			})
		})
	}
}

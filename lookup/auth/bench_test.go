package auth

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// benchCase is a request that is asked again and again, and its reply.
type benchCase struct{ hello, request, reply string }

const benchClientHello = "VERSION\t1\t2\nCPID\t77\n"

var (
	benchSMTP = benchCase{benchClientHello, plainText("1", "smtp\tnologin\tlip=192.0.2.1\trip=198.51.100.7", "alice@d1.test", "secret"), "OK\t1\tuser=alice@d1.test\n"}
	benchIMAP = benchCase{benchClientHello, plainText("1", "imap\tsecured\tsession=S/l349xgIpR/AAAB\tlip=192.0.2.1\trip=198.51.100.7\tlport=143\trport=37922", "alice@d1.test", "secret"), "OK\t1\tuser=alice@d1.test\n"}
	benchUser = benchCase{"VERSION\t1\t0\n", "USER\t1\talice@d1.test\tservice=lmtp\tlip=192.0.2.1\trip=198.51.100.7\tlport=24\trport=40000\n", "USER\t1\talice@d1.test\tuid=5000\tgid=5000\thome=/srv/d1.test/alice\n"}
)

// BenchmarkServe and BenchmarkEcho ask the Server and a do-nothing server the
// same request over a unix socket, one request in flight on each of some
// connections. The ratio of their rates is what the Server costs beside the
// system calls.
func BenchmarkServe(b *testing.B) {
	s := &Server{SPID: 4242, Check: func(a *Attempt) (Outcome, Rest) {
		if string(a.Login) != "alice@d1.test" || string(a.Password) != "secret" {
			return Outcome{Verdict: No}, nil
		}
		return Outcome{Verdict: Yes, User: "alice@d1.test"}, nil
	}, User: func(_ context.Context, r *UserRequest) UserReply {
		f := r.NewFields()
		f.AddInt("uid", 5000)
		f.AddInt("gid", 5000)
		f.Add("home", "/srv/d1.test/alice")
		return UserReply{Verdict: Yes, Fields: f}
	}}
	master := func(ctx context.Context, nc net.Conn) error { return s.ServeMaster(ctx, nc, nil) }
	b.Run("smtp", func(b *testing.B) { benchConnections(b, benchSMTP, s.ServeClient) })
	b.Run("imap", func(b *testing.B) { benchConnections(b, benchIMAP, s.ServeClient) })
	b.Run("user", func(b *testing.B) { benchConnections(b, benchUser, master) })
}

// BenchmarkEcho is the limit that BenchmarkServe is measured against.
func BenchmarkEcho(b *testing.B) {
	for name, bc := range map[string]benchCase{"smtp": benchSMTP, "imap": benchIMAP, "user": benchUser} {
		b.Run(name, func(b *testing.B) {
			hello := strings.Count(bc.hello, "\n")
			benchConnections(b, bc, func(_ context.Context, nc net.Conn) error {
				io.WriteString(nc, "DONE\n")
				r := bufio.NewReaderSize(nc, 4096)
				reply := []byte(bc.reply)
				for i := 0; ; i++ {
					if _, err := r.ReadSlice('\n'); err != nil {
						return nil
					}
					if i < hello {
						continue
					}
					if _, err := nc.Write(reply); err != nil {
						return nil
					}
				}
			})
		})
	}
}

// benchConnections measures b.N requests over 1, 4 and 16 connections.
func benchConnections(b *testing.B, bc benchCase, serve func(context.Context, net.Conn) error) {
	linetest.BenchAfter(b, func(nc net.Conn) { greet(b, nc, bc) }, func(nc net.Conn) {
		if err := serve(context.Background(), nc); err != nil {
			b.Error(err)
		}
	}, []byte(bc.request), []byte(bc.reply))
}

// greet takes part in the handshake, and has one request answered.
func greet(tb testing.TB, nc net.Conn, bc benchCase) {
	r := bufio.NewReader(nc)
	for line, last := "", false; !last; {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			tb.Fatal(err)
		}
		last = line == "DONE\n" || line == "SPID\t4242\n" && bc == benchUser
	}
	if _, err := io.WriteString(nc, bc.hello+bc.request); err != nil {
		tb.Fatal(err)
	}
	if line, err := r.ReadString('\n'); err != nil || line != bc.reply {
		tb.Fatalf("got %q, %v", line, err)
	}
}

// BenchmarkAnswer is what a request costs without the system calls.
func BenchmarkAnswer(b *testing.B) {
	s := testServer()
	s.Check = func(*Attempt) (Outcome, Rest) { return Outcome{Verdict: Yes, User: "alice@d1.test"}, nil }
	for name, bc := range map[string]benchCase{"smtp": benchSMTP, "imap": benchIMAP} {
		b.Run(name, func(b *testing.B) {
			c := s.newClient(b.Context(), new(linetest.Conn))
			for line := range strings.Lines(bc.hello) {
				c.Answer(b.Context(), nil, []byte(line))
			}
			buf, dst := make([]byte, len(bc.request)), make([]byte, 0, 1024)
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, bc.request) // it is overwritten
				if dst = c.Answer(b.Context(), dst[:0], buf); string(dst) != bc.reply {
					b.Fatalf("got %q", dst)
				}
			}
			c.settle(false)
		})
	}
}

package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// TestPipelined sends 10,000 requests at once, of all kinds: each gets one
// answer.
func TestPipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10000
		s := testServer()
		s.Limits.InFlight = n
		s.Check = func(a *Attempt) (Outcome, Rest) {
			id, _ := strconv.Atoi(string(a.Login))
			switch id % 4 {
			case 0:
				return Outcome{}, func(context.Context) Outcome {
					time.Sleep(time.Duration(id%7) * time.Second)
					return Outcome{Verdict: Yes, User: strconv.Itoa(id)}
				}
			case 1:
				return Outcome{Verdict: No, Delay: time.Duration(id%5) * time.Second}, nil
			}
			return Outcome{Verdict: Verdict(id % 3), User: strconv.Itoa(id)}, nil
		}
		k := newClient(t, s, "2", "1")
		go func() {
			for i := range n {
				io.WriteString(k.nc, plainText(strconv.Itoa(i), "imap", strconv.Itoa(i), "pw"))
			}
		}()
		seen := make(map[string]bool)
		for range n {
			fields := strings.Split(k.line(), "\t")
			if seen[fields[1]] || !strings.HasSuffix(fields[2], "="+fields[1]) {
				t.Fatalf("reply %q, seen before: %v", fields, seen[fields[1]])
			}
			seen[fields[1]] = true
		}
	})
}

// TestFlood has clients that do what they like; a decent one is served all the
// while, and what they had does not stay.
func TestFlood(t *testing.T) {
	const hello = "VERSION\t1\t2\nCPID\t1\n"
	for name, tc := range map[string]struct {
		send func(nc net.Conn)
		err  func(error) bool
	}{
		"a field of 1 MiB": {func(nc net.Conn) {
			io.WriteString(nc, hello+"AUTH\t1\tPLAIN\tservice=imap\tclient_id="+strings.Repeat("x", 1<<20)+"\n")
		}, isProtocol},
		"half a line": {func(nc net.Conn) { io.WriteString(nc, hello+"AUTH\t1") }, isTimeout},
		"never reads": {func(nc net.Conn) {
			io.WriteString(nc, hello)
			for {
				if _, err := io.WriteString(nc, plainText("1", "imap", "bob@d1.test", "x")); err != nil {
					return
				}
			}
		}, isTimeout},
		"never reads, slow checks": {func(nc net.Conn) {
			io.WriteString(nc, hello)
			for i := 0; ; i++ {
				if _, err := io.WriteString(nc, plainText(strconv.Itoa(i), "imap", "slow", "x")); err != nil {
					return
				}
			}
		}, isTimeout},
		"begins and cancels": {func(nc net.Conn) {
			go io.Copy(io.Discard, nc)
			io.WriteString(nc, hello)
			for i := range 100000 {
				fmt.Fprintf(nc, "AUTH\t%d\tLOGIN\tservice=imap\nCANCEL\t%d\n", i, i)
			}
			nc.Close()
		}, func(err error) bool { return err == nil || errors.Is(err, io.ErrClosedPipe) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := testServer()
				s.Limits.InFlight = 1e6 // it is not this that saves us
				quick := s.Check
				s.Check = func(a *Attempt) (Outcome, Rest) {
					if string(a.Login) == "slow" {
						return Outcome{}, func(context.Context) Outcome { return Outcome{} }
					}
					return quick(a)
				}
				server, bad := net.Pipe()
				defer bad.Close()
				done := make(chan error, 1)
				var wg sync.WaitGroup
				wg.Go(func() {
					err := s.ServeClient(t.Context(), server)
					server.Close()
					done <- err
				})
				wg.Go(func() {
					if name != "begins and cancels" { // that one reads itself
						io.ReadFull(bad, make([]byte, 100)) // some of the greeting
						io.ReadFull(bad, make([]byte, len(greetingOf(s))-100))
					}
					tc.send(bad)
				})
				good := newClient(t, s, "2", "2")
				for i := range 10 {
					good.send(plainText("1", "imap", "alice@d1.test", "secret"))
					good.want("OK\t1\tuser=alice@d1.test")
					time.Sleep(time.Duration(i) * time.Second)
					synctest.Wait() // those that are about to end do not count
					if n := runtime.NumGoroutine(); n > 100 {
						t.Fatalf("%d goroutines", n)
					}
				}
				if err := <-done; !tc.err(err) {
					t.Errorf("ServeClient: %v", err)
				}
				bad.Close()
				wg.Wait()
			})
		})
	}
}

func isProtocol(err error) bool {
	var pe *ProtocolError
	return errors.As(err, &pe)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// greetingOf gives a greeting of a server that had few connections.
func greetingOf(s *Server) string {
	out, _ := linetest.Run((&Server{SPID: s.SPID}).ServeClient, strings.NewReader(""))
	return out
}

// TestWiped looks at the memory of passwords after all ways in which a request
// can end.
func TestWiped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen [][]byte
		s := &Server{SPID: 4242, Check: func(a *Attempt) (Outcome, Rest) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, a.Password)
			out := Outcome{Verdict: No, Delay: time.Second}
			if string(a.Login) == "slow" {
				return Outcome{}, func(ctx context.Context) Outcome {
					<-ctx.Done()
					if string(a.Password) != "secret" {
						t.Error("the password is gone too early")
					}
					return out
				}
			}
			return out, nil
		}}
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "slow", "secret") + plainText("2", "imap", "quick", "secret") +
			"AUTH\t3\tLOGIN\tservice=imap\tresp=c2xvdw==\n")
		k.want("CONT\t3\tUGFzc3dvcmQ6")
		k.send("CONT\t3\tc2VjcmV0\n")
		k.want("FAIL\t2\tuser=quick")
		k.send("CANCEL\t1\n" + plainText("4", "imap", "x", "y"))
		k.want("FAIL\t4\tuser=x")
		k.nc.Close()
		if err := <-k.done; err != nil {
			t.Error(err)
		}
		if len(seen) != 4 {
			t.Fatalf("%d checks", len(seen))
		}
		for i, p := range seen {
			if strings.Trim(string(p), "\x00") != "" {
				t.Errorf("password %d is %q", i, p)
			}
		}
	})
}

// TestAllocs asks over a pipe in steady state.
func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	s := testServer()
	s.Check = func(*Attempt) (Outcome, Rest) { return Outcome{Verdict: Yes, User: "alice@d1.test"}, nil }
	master := func(ctx context.Context, nc net.Conn) error { return s.ServeMaster(ctx, nc, nil) }
	s.User = func(_ context.Context, r *UserRequest) UserReply {
		f := r.NewFields()
		f.AddInt("uid", 5000)
		f.AddInt("gid", 5000)
		f.Add("home", "/srv/d1.test/alice")
		return UserReply{Verdict: Yes, Fields: f}
	}
	for _, tc := range []struct {
		name  string
		serve linetest.ServeFunc
		benchCase
		most float64
	}{
		{"nologin", s.ServeClient, benchSMTP, 0},
		{"login", s.ServeClient, benchIMAP, 2}, // what is kept, and its session
		{"USER", master, benchUser, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server, nc := net.Pipe()
			done := make(chan error)
			go func() { done <- tc.serve(t.Context(), server) }()
			greet(t, nc, tc.benchCase)
			linetest.Allocs(t, nc, tc.most, tc.request, tc.reply)
			nc.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

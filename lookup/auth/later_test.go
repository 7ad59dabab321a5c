package auth

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowServer has a Check that does what the login says: "slow:3s:yes" has an
// answer after three seconds, "delay:2s:no" one at once that is held back.
// "hang" never has one, and ends when it is told to.
func slowServer(ended *atomic.Int32) *Server {
	verdict := func(word string) Verdict {
		return map[string]Verdict{"yes": Yes, "no": No}[word]
	}
	return &Server{SPID: 4242, User: testUser, Check: func(a *Attempt) (Outcome, Rest) {
		login := string(a.Login)
		part := strings.Split(login+"::", ":")
		d, _ := time.ParseDuration(part[1])
		switch part[0] {
		case "slow":
			return Outcome{}, func(ctx context.Context) Outcome {
				time.Sleep(d)
				if string(a.Login) != login || string(a.Password) != "pw" {
					panic("the attempt changed")
				}
				return Outcome{Verdict: verdict(part[2]), User: login}
			}
		case "delay":
			return Outcome{Verdict: verdict(part[2]), User: login, Delay: d}, nil
		case "hang":
			return Outcome{}, func(ctx context.Context) Outcome {
				<-ctx.Done()
				ended.Add(1)
				return Outcome{Verdict: Yes, User: login}
			}
		case "panic":
			return Outcome{}, func(context.Context) Outcome { panic("oh") }
		}
		return Outcome{Verdict: Yes, User: login}, nil
	}}
}

// bubble runs f where time passes when everybody waits.
func bubble(t *testing.T, name string, f func(t *testing.T, s *Server, ended *atomic.Int32)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ended atomic.Int32
			f(t, slowServer(&ended), &ended)
		})
	})
}

// since says how long something took, in the time of the bubble.
func since(start time.Time) time.Duration { return time.Since(start) }

func TestLater(t *testing.T) {
	bubble(t, "overtaking", func(t *testing.T, s *Server, _ *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		start := time.Now()
		k.send(plainText("1", "imap", "delay:2s:no", "pw") + plainText("2", "imap", "slow:1s:yes", "pw") +
			plainText("3", "imap", "delay:3s:", "pw") + plainText("4", "imap", "delay:1500ms:no", "pw") + plainText("5", "imap", "now", "pw"))
		for _, want := range []struct {
			line string
			at   time.Duration
		}{
			{"OK\t5\tuser=now", 0},
			{"OK\t2\tuser=slow:1s:yes", time.Second},
			{"FAIL\t4\tuser=delay:1500ms:no", 1500 * time.Millisecond},
			{"FAIL\t1\tuser=delay:2s:no", 2 * time.Second},
			{"FAIL\t3\tuser=delay:3s:\tcode=temp_fail", 3 * time.Second},
		} {
			k.want(want.line)
			if d := since(start); d != want.at {
				t.Errorf("%s after %v, want %v", want.line, d, want.at)
			}
		}
	})
	bubble(t, "cancel", func(t *testing.T, s *Server, ended *atomic.Int32) {
		k := newClient(t, s, "4", "1")
		k.send(plainText("1", "imap", "hang", "pw") + plainText("2", "imap", "delay:2s:no", "pw") + "CANCEL\t1\nCANCEL\t2\n")
		k.want("CANCELLED\t1")
		k.want("CANCELLED\t2")
		time.Sleep(time.Minute)
		if ended.Load() != 1 {
			t.Errorf("%d checks ended, want 1", ended.Load())
		}
		k.send(plainText("1", "imap", "now", "pw")) // the id is free, and nothing else came
		k.want("OK\t1\tuser=now")
	})
	bubble(t, "a check takes too long", func(t *testing.T, s *Server, ended *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		start := time.Now()
		k.send(plainText("1", "imap", "hang", "pw"))
		k.want("FAIL\t1\tcode=temp_fail")
		if d := since(start); d != 30*time.Second {
			t.Errorf("after %v", d)
		}
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("the check goes on")
		}
		k.send(plainText("1", "imap", "now", "pw"))
		k.want("OK\t1\tuser=now")
	})
	bubble(t, "an exchange is forgotten", func(t *testing.T, s *Server, _ *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		k.send("AUTH\t1\tLOGIN\tservice=imap\n")
		k.want("CONT\t1\tVXNlcm5hbWU6")
		time.Sleep(keepFor - time.Second)
		k.send("CONT\t1\tbm93\n")
		k.want("CONT\t1\tUGFzc3dvcmQ6")
		time.Sleep(keepFor + time.Second)
		k.send("CONT\t1\tcHc=\n")
		k.want("FAIL\t1\treason=Authentication request timed out")
	})
	bubble(t, "CONT out of turn", func(t *testing.T, s *Server, ended *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "hang", "pw") + "CONT\t1\tcHc=\n")
		var pe *ProtocolError
		if err := k.ended(); !errors.As(err, &pe) {
			t.Errorf("ServeClient: %v", err)
		}
		if ended.Load() != 1 {
			t.Error("the check goes on")
		}
	})
	bubble(t, "the client leaves", func(t *testing.T, s *Server, ended *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "hang", "pw") + plainText("2", "imap", "delay:2s:no", "pw") + "AUTH\t3\tLOGIN\tservice=imap\n")
		k.want("CONT\t3\tVXNlcm5hbWU6")
		k.nc.Close()
		if err := <-k.done; err != nil {
			t.Errorf("ServeClient: %v", err)
		}
		if ended.Load() != 1 {
			t.Error("the check goes on")
		}
	})
	bubble(t, "a panic is the caller's", func(t *testing.T, s *Server, _ *atomic.Int32) {
		got := make(chan any, 1)
		serve := s.ServeClient
		k := talk(t, func(ctx context.Context, nc net.Conn) (err error) {
			defer func() { got <- recover() }()
			return serve(ctx, nc)
		})
		for k.line() != "DONE" {
		}
		k.send("VERSION\t1\t2\nCPID\t1\n" + plainText("1", "imap", "panic", "pw"))
		if p := <-got; p != "oh" {
			t.Errorf("recovered %v", p)
		}
	})
}

// TestSMTP sees how Postfix and Exim are told that something cannot be said.
func TestSMTP(t *testing.T) {
	for name, tc := range map[string]struct {
		login string
		reply string // "" is the end of the connection
		after time.Duration
	}{
		"temporary":         {"delay:0s:", "", time.Second},
		"temporary, late":   {"delay:3s:", "", 3 * time.Second},
		"slow, temporary":   {"slow:2s:", "", 3 * time.Second},
		"much too slow":     {"hang", "", 8 * time.Second},
		"slow":              {"slow:7s:no", "FAIL\t1\tuser=slow:7s:no", 7 * time.Second},
		"delayed":           {"delay:2s:no", "FAIL\t1\tuser=delay:2s:no", 2 * time.Second},
		"delayed too long":  {"delay:20s:no", "FAIL\t1\tuser=delay:20s:no", 8 * time.Second},
		"temporary, longer": {"delay:20s:", "", 8 * time.Second},
	} {
		bubble(t, name, func(t *testing.T, s *Server, _ *atomic.Int32) {
			k := newClient(t, s, "0", "1")
			start := time.Now()
			k.send(plainText("1", "smtp\tnologin", tc.login, "pw"))
			if tc.reply != "" {
				k.want(tc.reply)
			} else if err := k.ended(); err != nil {
				t.Errorf("ServeClient: %v", err)
			}
			if d := since(start); d != tc.after {
				t.Errorf("after %v, want %v", d, tc.after)
			}
		})
	}
}

// TestDrain ends ctx with all kinds of requests in flight.
func TestDrain(t *testing.T) {
	bubble(t, "client", func(t *testing.T, s *Server, ended *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "slow:3s:yes", "pw") + plainText("2", "imap", "delay:1h:no", "pw") +
			plainText("3", "imap", "hang", "pw") + plainText("4", "smtp", "hang", "pw") + plainText("5", "smtp", "delay:5s:", "pw") +
			"AUTH\t6\tLOGIN\tservice=imap\n")
		k.want("CONT\t6\tVXNlcm5hbWU6")
		k.send("half a li")
		start := time.Now()
		k.drain()
		k.want("FAIL\t2\tuser=delay:1h:no")
		if d := since(start); d != 0 {
			t.Errorf("held back for %v", d)
		}
		k.want("OK\t1\tuser=slow:3s:yes")
		k.want("FAIL\t3\tcode=temp_fail")
		if err := k.ended(); err != nil || ended.Load() != 2 {
			t.Errorf("ServeClient: %v; %d checks ended, want 2", err, ended.Load())
		}
		if d := since(start); d != 5*time.Second {
			t.Errorf("ended after %v", d)
		}
	})
	bubble(t, "idle", func(t *testing.T, s *Server, _ *atomic.Int32) {
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "now", "pw"))
		k.want("OK\t1\tuser=now")
		k.drain()
		if err := k.ended(); err != nil {
			t.Errorf("ServeClient: %v", err)
		}
	})
}

// TestInFlight has more requests open than a connection may.
func TestInFlight(t *testing.T) {
	bubble(t, "imap", func(t *testing.T, s *Server, _ *atomic.Int32) {
		s.Limits.InFlight = 2
		var refused error
		s.OnRefused = func(err error) { refused = err }
		k := newClient(t, s, "2", "1")
		k.send(plainText("1", "imap", "slow:1s:yes", "pw") + "AUTH\t2\tLOGIN\tservice=imap\n" + plainText("3", "imap", "now", "pw"))
		k.want("CONT\t2\tVXNlcm5hbWU6")
		k.want("FAIL\t3\tcode=temp_fail")
		k.want("OK\t1\tuser=slow:1s:yes")
		k.send(plainText("4", "imap", "now", "pw"))
		k.want("OK\t4\tuser=now")
		if refused == nil || !strings.Contains(refused.Error(), "2 requests of the connection have no answer yet") {
			t.Errorf("reported %v", refused)
		}
	})
}

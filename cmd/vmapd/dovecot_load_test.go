package main_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// dovecotLoad is people and mail servers who want something of a Dovecot, or of
// the vmapd behind it, without pause, and what they were told.
type dovecotLoad struct {
	h    *dovecotHost
	stop atomic.Bool
	all  sync.WaitGroup

	mu    sync.Mutex
	kinds map[string]*loadKind
}

// loadKind is what came of all requests of one kind.
type loadKind struct {
	good, bad int
	longest   time.Duration
	answers   map[string]int // of the bad ones
}

// newLoad begins: two of each kind, over connections of their own.
func (h *dovecotHost) newLoad(t *testing.T) *dovecotLoad {
	l := &dovecotLoad{h: h, kinds: map[string]*loadKind{}}
	t.Cleanup(l.end)
	drill.Await(t, time.Minute, "quota-status listens", func() bool { _, err := os.Stat(h.Queue + "/private/quota-status"); return err == nil })
	for i, user := range []string{"ann@home.test", "boss@home.test"} {
		l.repeat("IMAP", "OK ", func() string {
			c := h.IMAP(t)
			defer c.Close()
			return c.Login(user, "secret")
		})
		l.repeat("POP3", "+OK", func() string {
			c := h.POP3(t)
			defer c.Close()
			return c.Login(user, "secret")
		})
		l.repeat("LMTP", "250 ", func() string { return h.LMTP(t, "Subject: x\r\n\r\nx", "o'brien@home.test")["o'brien@home.test"] })
		l.repeat("quota-status", "action=DUNNO", func() string { return h.Policy(t, "ann@home.test", 1000) })
		l.repeat("doveadm user", "0", func() string {
			out, status := h.Doveadm("user", "-f", "home", user)
			return fmt.Sprint(status, " ", out)
		})
		sasl := &saslClient{socket: h.socket("auth")}
		l.repeat("SASL", "OK\t", func() string { return sasl.login(user, "secret", i == 1) })
	}
	return l
}

// repeat asks until the load ends. What begins with good is a good answer.
func (l *dovecotLoad) repeat(kind, good string, ask func() string) {
	k := l.kinds[kind]
	if k == nil {
		k = &loadKind{answers: map[string]int{}}
		l.kinds[kind] = k
	}
	l.all.Go(func() {
		for !l.stop.Load() {
			began := time.Now()
			answer := ask()
			l.mu.Lock()
			k.longest = max(k.longest, time.Since(began))
			if strings.HasPrefix(answer, good) {
				k.good++
			} else {
				k.bad++
				k.answers[answer]++
			}
			l.mu.Unlock()
		}
	})
}

// await waits until n more of each kind have had a good answer.
func (l *dovecotLoad) await(t *testing.T, n int) {
	t.Helper()
	for kind, k := range l.kinds {
		count := func() int {
			l.mu.Lock()
			defer l.mu.Unlock()
			return k.good
		}
		want := count() + n
		drill.Await(t, 2*time.Minute, fmt.Sprintf("%s has %d good answers", kind, want), func() bool { return count() >= want })
	}
}

// end ends the load.
func (l *dovecotLoad) end() {
	l.stop.Store(true)
	l.all.Wait()
}

// judge ends the load, logs what was seen, and fails the test for what went
// wrong, but for answers of a kind that begin as allow says.
func (l *dovecotLoad) judge(t *testing.T, allow map[string][]string) {
	t.Helper()
	l.end()
	for _, kind := range slices.Sorted(maps.Keys(l.kinds)) {
		k := l.kinds[kind]
		t.Logf("%s: %d good answers, %d others, longest %v", kind, k.good, k.bad, k.longest.Round(time.Millisecond))
		for answer, n := range k.answers {
			if slices.ContainsFunc(allow[kind], func(prefix string) bool { return strings.HasPrefix(answer, prefix) }) {
				t.Logf("  %d times %s", n, answer)
				continue
			}
			t.Errorf("%s: %d times %s", kind, n, answer)
		}
	}
}

// saslClient logs in as Postfix's smtpd does, over a connection that it keeps
// (src/xsasl/xsasl_dovecot_server.c): it connects again if it cannot write, and
// says "454" to its client if no answer comes.
type saslClient struct {
	socket string
	kept   *dovetest.Auth
}

func (s *saslClient) login(user, password string, twoSteps bool) string {
	for range 2 {
		if s.kept == nil {
			a, err := dovetest.DialLogin(s.socket)
			if err != nil {
				return "454 connect: " + err.Error()
			}
			s.kept = a
		}
		ask := s.kept.Plain
		if twoSteps {
			ask = s.kept.Login
		}
		answer, err := ask("smtp", user, password)
		if err == nil {
			return answer
		}
		s.kept.Close()
		s.kept = nil
		if !strings.Contains(err.Error(), "write") {
			return "454 " + err.Error()
		}
	}
	return "454 cannot write"
}

//go:build drill

package main_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// traffic is what goes on at a host all the time.
type traffic struct {
	h    *migrationHost
	idle *drill.Idle
	stop chan struct{}
	all  sync.WaitGroup

	mu       sync.Mutex
	sent     map[string]string        // mailbox by tag of an accepted message; "" is the world
	accepted map[string]int           // messages by kind
	took     map[string]time.Duration // of the client's session, by tag
	logins   int
	cut      int           // logins that ended in the middle and were tried again
	longest  time.Duration // of a message's session or a login
	bad      []string      // what went wrong, with the time
}

// stream is one kind of message, of which there is one a second.
type stream struct {
	name    string
	service mailtest.Service
	from    string // "": somebody new of another host
	to, box string
}

// streams are all kinds.
func streams() []stream {
	const user = "user@home.test"
	return []stream{
		{"to a mailbox", mailtest.MX, "", user, user},
		{"to an alias", mailtest.MX, "", "team@home.test", "second@home.test"},
		{"to an extension", mailtest.MX, "", "third+list@home.test", "third@home.test"},
		{"to a colleague", mailtest.Submission, user, "fourth@home.test", "fourth@home.test"},
		{"to the world", mailtest.Submission, user, "friend@far.test", ""},
	}
}

// reloads is how often the guide has Dovecot reload its configuration.
const reloads = 7

// people are who get mail and log in.
func people() []string {
	return []string{"user@home.test", "second@home.test", "third@home.test", "fourth@home.test"}
}

// begin starts the traffic, which ends with the test.
func (h *migrationHost) begin(t *testing.T) *traffic {
	tr := &traffic{h: h, idle: drill.NewIdle(t), stop: make(chan struct{}), sent: map[string]string{}, took: map[string]time.Duration{}, accepted: map[string]int{}}
	for _, s := range streams() {
		tr.every(func(n int) { tr.message(s, n) })
	}
	tr.every(func(n int) { tr.login(people()[n%len(people())]) })
	t.Cleanup(tr.end)
	return tr
}

// every does something once a second, however long it takes.
func (tr *traffic) every(do func(n int)) {
	tr.all.Go(func() {
		tick := time.NewTicker(900 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			tr.all.Go(func() { do(n) })
			select {
			case <-tr.stop:
				return
			case <-tick.C:
			}
		}
	})
}

// end may be called twice.
func (tr *traffic) end() {
	select {
	case <-tr.stop:
	default:
		close(tr.stop)
	}
	tr.all.Wait()
}

// message sends one, in a session of its own.
func (tr *traffic) message(s stream, n int) {
	began, tag := time.Now(), fmt.Sprintf("%s-%d", strings.ReplaceAll(s.name, " ", "-"), n)
	m := &mailtest.Message{Name: s.name, From: s.from, To: []string{s.to}}
	login := m.From + ":secret"
	if m.From == "" {
		m.From, login = tag+"@far.test", ""
	}
	m.Text = fmt.Sprintf("From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\nMessage-ID: <%s@test>\r\n\r\n%s", m.From, s.to, tag, tag, strings.Repeat("Words, and more  words.\r\n", 20+n%50))
	session, err := tr.h.p.Dial(s.service, login)
	reply := ""
	if err == nil {
		reply, err = session.Send(m, tag)
		_ = session.Quit()
	}
	if err != nil {
		reply = err.Error()
	}
	tr.note(began, tag, strings.HasPrefix(reply, "250 "), reply)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if strings.HasPrefix(reply, "250 ") {
		tr.sent[tag], tr.took[tag] = s.box, time.Since(began)
		tr.accepted[s.name]++
	}
}

// login begins and ends a session of IMAP. If the connection ends in the middle,
// it tries again, as mail programs do: when Dovecot reloads, the process that runs
// the post-login script may take a login with it.
func (tr *traffic) login(user string) {
	began := time.Now()
	err := tr.h.LogInAndOut(user, "secret")
	if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
		tr.mu.Lock()
		tr.cut++
		tr.mu.Unlock()
		err = tr.h.LogInAndOut(user, "secret")
	}
	tr.note(began, "login of "+user, err == nil, fmt.Sprint(err))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if err == nil {
		tr.logins++
	}
}

func (tr *traffic) note(began time.Time, what string, ok bool, said string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	took := time.Since(began)
	tr.longest = max(tr.longest, took)
	if !ok {
		tr.bad = append(tr.bad, fmt.Sprintf("%s, after %v: %s: %s", began.Format("15:04:05.000"), took.Round(time.Millisecond), what, said))
	}
}

// await waits until n more of each kind of message were accepted.
func (tr *traffic) await(t *testing.T, n int) {
	t.Helper()
	least := func() int {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		least := tr.accepted[streams()[0].name]
		for _, s := range streams() {
			least = min(least, tr.accepted[s.name])
		}
		return least
	}
	want := least() + n
	drill.Await(t, 2*time.Minute, fmt.Sprintf("%d messages of each kind were accepted", want), func() bool { return least() >= want })
}

package daemon

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/internal/peers"
)

// receiver is a webhook and a mail server.
type receiver struct {
	hook *httptest.Server
	smtp net.Listener

	mu    sync.Mutex
	told  []string // "opened KIND MAILBOX"
	mails []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, _ := io.ReadAll(req.Body)
		var p alarm.Payload
		if json.Unmarshal(text, &p) != nil || req.Header.Get(alarm.SignatureHeader) != alarm.Signature([]byte("secret"), text) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range p.Events {
			r.told = append(r.told, strings.TrimSpace(e.Event+" "+e.Kind+" "+e.Mailbox))
		}
	}))
	t.Cleanup(r.hook.Close)
	var err error
	if r.smtp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := r.smtp.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.session(c) })
		}
	})
	t.Cleanup(func() { r.smtp.Close(); wg.Wait() })
	return r
}

// session takes a mail.
func (r *receiver) session(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	text, data := "", false
	fmt.Fprint(c, "220 ready\r\n")
	for in.Scan() {
		line := in.Text()
		text += line + "\n"
		switch {
		case data && line == ".":
			data = false
			r.mu.Lock()
			r.mails = append(r.mails, text)
			r.mu.Unlock()
			fmt.Fprint(c, "250 kept\r\n")
		case data:
		case line == "DATA":
			data = true
			fmt.Fprint(c, "354 go on\r\n")
		default:
			fmt.Fprint(c, "250 yes\r\n")
		}
	}
}

func (r *receiver) heard(word string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.told, word)
}

func (r *receiver) mail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.mails, "\n")
}

// section is [alarms] with a receiver.
func (r *receiver) section(t *testing.T, more string) string {
	t.Helper()
	secret := t.TempDir() + "/secret"
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("[alarms]\ngrace = \"0s\"\nsmtp = \"inet:%s\"\nwebhook = %q\nwebhook_secret_file = %q\n%s\n", r.smtp.Addr(), r.hook.URL, secret, more)
}

// quick makes a rig look often.
func quick(r *rig) *rig {
	r.Daemon.alarms.tick, r.Daemon.alarms.pause = 20*time.Millisecond, 20*time.Millisecond
	return r
}

// stored sets what the database says is in the mailbox, of 10 MB.
func stored(t *testing.T, r *rig, tenths int) {
	t.Helper()
	change(t, r.database(), fmt.Sprintf("UPDATE admin_quota SET bytes = %d WHERE username = 'user@example.com'", int64(tenths)<<20/10))
}

// TestAlarmsOfMailboxes fills a mailbox and empties it: the alarms are in the
// database and told, and what moves between the bounds changes nothing.
func TestAlarmsOfMailboxes(t *testing.T) {
	to := newReceiver(t)
	r := quick(newRig(t, basics+to.section(t, "")))
	initDatabase(t, r.database())
	change(t, r.database(), "UPDATE core_user SET is_superuser = 1 WHERE username = 'user@example.com'")
	change(t, r.database(), `UPDATE core_localconfig SET _parameters = '{"core": {"sender_address": "noreply@example.com"}}'`)
	r.start(t).loaded(t)
	counts := func(kind string) int { return r.Daemon.alarms.Counts()[kind] }

	stored(t, r, 85)
	eventually(t, "the mailbox is nearly full", func() bool { return to.heard("opened mailbox_nearly_full user@example.com") })
	stored(t, r, 99)
	eventually(t, "the mailbox is full", func() bool { return to.heard("opened mailbox_full user@example.com") })
	stored(t, r, 76) // between the bounds of the first alarm
	eventually(t, "it is not full any more", func() bool { return to.heard("closed mailbox_full user@example.com") })
	if counts(alarm.MailboxNearlyFull) != 1 {
		t.Error("76 % closes what opens at 80 %")
	}
	if s := r.Status(); s.Alarms != 1 {
		t.Errorf("the status says %d alarms", s.Alarms)
	}
	stored(t, r, 20)
	eventually(t, "it is well", func() bool { return to.heard("closed mailbox_nearly_full user@example.com") })
	eventually(t, "a mail has come", func() bool { return to.mail() != "" })
	for _, want := range []string{"MAIL FROM:<noreply@example.com>", "RCPT TO:<user@example.com>", "user@example.com is 85 % full"} {
		if text := to.mail(); !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	to.mu.Lock()
	defer to.mu.Unlock()
	if len(to.told) != 4 {
		t.Errorf("told %q", to.told)
	}
}

// TestAlarmsOutlastARestart: what was open before is not opened again.
func TestAlarmsOutlastARestart(t *testing.T) {
	to := newReceiver(t)
	r := quick(newRig(t, basics+to.section(t, "mail = false")))
	initDatabase(t, r.database())
	stored(t, r, 85)
	r.start(t).loaded(t)
	eventually(t, "the mailbox is nearly full", func() bool { return to.heard("opened mailbox_nearly_full user@example.com") })
	r.stop(t)
	cfg, err := Load(r.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Daemon, err = New(cfg, r.config, nil, testLogger(r.log)); err != nil {
		t.Fatal(err)
	}
	quick(r).start(t).loaded(t)
	eventually(t, "the alarm is known", func() bool { return r.Daemon.alarms.Holds(alarm.MailboxNearlyFull, "user@example.com") })
	stored(t, r, 20)
	eventually(t, "it is well", func() bool { return to.heard("closed mailbox_nearly_full user@example.com") })
	to.mu.Lock()
	defer to.mu.Unlock()
	if len(to.told) != 2 {
		t.Errorf("told %q", to.told)
	}
}

// TestAlarmOfTheDatabase takes the database away and brings it back.
func TestAlarmOfTheDatabase(t *testing.T) {
	to := newReceiver(t)
	r := quick(newRig(t, basics+to.section(t, `database_down = "100ms"`)))
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	if err := os.Rename(r.database(), r.path("away")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the database is down", func() bool { return to.heard("opened database_down") })
	if n := r.Daemon.alarms.local().List(); len(n) != 1 || n[0].ID >= 0 || !n[0].Open || n[0].Detail == "" {
		t.Errorf("%+v", n)
	}
	if err := os.Rename(r.path("away"), r.database()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is back", func() bool { return to.heard("closed database_down") })
}

// TestAlarmOfRedis has none, then one.
func TestAlarmOfRedis(t *testing.T) {
	program := peers.Program(t, "redis-server", "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	r := newRig(t, basics+"[policy]\ncounters = \"redis://"+net.JoinHostPort(host, port)+"/0\"\n[alarms]\nmail = false\n")
	r.Daemon.alarms.tick = time.Hour // the test looks
	initDatabase(t, r.database())
	defer r.Daemon.log.Redirect()()
	r.start(t).loaded(t)
	clock := time.Now()
	w := &alarmWatch{d: r.Daemon, book: r.Daemon.alarms.Book, now: func() time.Time { return clock }}
	eventually(t, "the book is read", w.book.Ready)
	eventually(t, "Redis is away", func() bool { return r.Daemon.logins.guard.Apart() != nil })
	w.redis()
	if w.book.Holds(alarm.RedisError, "") {
		t.Error("an alarm at once")
	}
	clock = clock.Add(redisApart)
	w.redis()
	if !w.book.Holds(alarm.RedisError, "") {
		t.Error("no alarm")
	}
	redis := exec.Command(program, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", r.dir)
	if err := redis.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = redis.Process.Kill(); _ = redis.Wait() }()
	eventually(t, "the alarm closes", func() bool { w.redis(); return !w.book.Holds(alarm.RedisError, "") })
}

// TestAlarmsOfKeys opens one for each domain, and closes it when all of its keys
// are right, or none is wanted.
func TestAlarmsOfKeys(t *testing.T) {
	r := newRig(t, basics+"[alarms]\nmail = false\n[dkim]\ngenerate = \"never\"\n")
	r.Daemon.alarms.tick = time.Hour // the test looks
	initDatabase(t, r.database())
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1")
	r.start(t).loaded(t)
	w := &alarmWatch{d: r.Daemon, book: r.Daemon.alarms.Book, now: time.Now}
	eventually(t, "the book is read", w.book.Ready)
	rec := newRecords(nil, nil, testLogger(r.log).Logger)
	w.verdicts = rec.verdicts
	say := func(selector string, result dnscheck.Result) {
		rec.mu.Lock()
		rec.domains = map[string]int{"example.com": 2}
		rec.mu.Unlock()
		rec.report(dnscheck.Key{Domain: "example.com", Selector: selector}, result)
		w.keys()
	}
	holds := func() bool { return w.book.Holds(alarm.DKIMKeyNotInDNS, "example.com") }
	good := dnscheck.Result{Code: dnscheck.OK, Works: true, Checked: time.Now()}
	for i, step := range []struct {
		selector string
		result   dnscheck.Result
		want     bool
	}{
		{"a", good, false},
		{"b", dnscheck.Result{Code: dnscheck.Revoked, Detail: "it is revoked"}, true},
		{"b", dnscheck.Result{Code: dnscheck.Temp}, true},
		{"b", good, false},
		{"a", dnscheck.Result{Code: dnscheck.Revoked, Detail: "it is revoked"}, true},
	} {
		if say(step.selector, step.result); holds() != step.want {
			t.Errorf("step %d: %v", i, holds())
		}
	}
	rec.gone(dnscheck.Key{Domain: "example.com", Selector: "a"})
	rec.gone(dnscheck.Key{Domain: "example.com", Selector: "b"})
	w.keys() // nothing is known of either now
	if !holds() {
		t.Error("closed although nobody knows")
	}
	rec.mu.Lock()
	rec.domains = nil
	rec.mu.Unlock()
	w.keys()
	if !holds() {
		t.Error("closed although the domain wants keys")
	}
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 0")
	if err := r.store.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.keys()
	if holds() {
		t.Error("open although mail is not signed any more")
	}
}

func TestSenderOf(t *testing.T) {
	for text, want := range map[string]string{
		`{"core": {"sender_address": "a@b.test"}}`: "a@b.test", `{"core": {"sender_address": "noreply@yourdomain.test"}}`: "",
		`{}`: "", `x`: "", `{"core": {"sender_address": "a@b.test>\r\nRCPT TO:<x@far.test"}}`: "", `{"core": {"sender_address": 7}}`: "",
	} {
		if got := senderOf(text); got != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}

package alarm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) {
	if os.Getenv(childPath) != "" {
		os.Exit(child())
	}
	code := dbtest.Main(m)
	if err := goleak.Find(goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener")); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const worldData = `domain;one.test;0;0;true
domain;two.test;0;0;true
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;10
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;10
account;cem@two.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@two.test;10
`

// fill makes tables and accounts in the empty database of url.
func fill(t testing.TB, url string) *db.DB {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(worldData), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return d
}

// channel remembers what it was told, or fails.
type channel struct {
	mu    sync.Mutex
	fails error
	sends [][]string // "opened KIND SUBJECT"
}

func (c *channel) Send(_ context.Context, events []Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails != nil {
		return c.fails
	}
	var words []string
	for _, e := range events {
		word := "opened"
		if e.Closed {
			word = "closed"
		}
		subject := e.Alarm.Mailbox
		if subject == "" {
			subject = e.Alarm.Domain
		}
		words = append(words, strings.TrimSpace(word+" "+e.Alarm.Kind+" "+subject))
	}
	c.sends = append(c.sends, words)
	return nil
}

func (c *channel) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = err
}

// told returns all that was told, in order.
func (c *channel) told() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Concat(c.sends...)
}

// node is a book whose loops a test turns by hand.
type node struct {
	*Book
	t       testing.TB
	clock   time.Time
	grace   time.Duration
	hook    *channel
	errs    []string
	keeper  *keeper
	writer  *writer
	tellers []*teller
}

// start begins a node with the file in dir; d is nil for none.
func start(t testing.TB, dir string, d func() *db.DB) *node {
	t.Helper()
	n := &node{t: t, clock: time.Now(), hook: &channel{}}
	n.Book = New(Options{
		Path: filepath.Join(dir, "alarms.db"), Host: "mail.test", Database: d, Now: func() time.Time { return n.clock },
		Grace: func() time.Duration { return n.grace }, Channels: func() Channels { return Channels{Hook: n.hook} },
		Report: func(what string, err error) { n.errs = append(n.errs, what+": "+err.Error()) },
	})
	n.begin()
	return n
}

func (n *node) begin() {
	n.keeper, n.writer, n.tellers = &keeper{Book: n.Book}, newWriter(n.Book), []*teller{newTeller(n.Book, mailChannel), newTeller(n.Book, hookChannel)}
	n.keeper.start()
}

// step lets everything happen that is due, and returns the first error.
func (n *node) step() error {
	n.clock = n.clock.Add(2 * time.Second)
	n.keeper.save()
	var err error
	if n.o.Database != nil {
		n.writer.looked = time.Time{}
		err = n.writer.round(n.t.Context())
	}
	for _, t := range n.tellers {
		_, e := t.round(n.t.Context())
		if err == nil {
			err = e
		}
	}
	n.keeper.save()
	return err
}

func (n *node) must() {
	n.t.Helper()
	if err := n.step(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) stop() {
	n.keeper.save()
	n.keeper.close()
}

func (n *node) wait(d time.Duration) { n.clock = n.clock.Add(d) }

// rowsOf lists admin_alarm: "KIND DOMAIN MAILBOX STATUS".
func rowsOf(t testing.TB, d *db.DB) (out []string) {
	t.Helper()
	r, err := d.Query(`SELECT a.internal_name, coalesce(dom.name, '-'), coalesce(m.address, '-'), a.status, a.closed IS NULL FROM admin_alarm a
		LEFT JOIN admin_domain dom ON dom.id = a.domain_id LEFT JOIN admin_mailbox m ON m.id = a.mailbox_id ORDER BY a.id`)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for r.Next() {
		var kind, domain, mailbox string
		var status int
		var open bool
		if err := r.Scan(&kind, &domain, &mailbox, &status, &open); err != nil {
			t.Fatal(err)
		}
		if open != (status == statusOpen) {
			t.Errorf("a row with status %d, closed is NULL: %v", status, open)
		}
		out = append(out, fmt.Sprint(kind, " ", domain, " ", mailbox, " ", status))
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func just(d *db.DB) func() *db.DB { return func() *db.DB { return d } }

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

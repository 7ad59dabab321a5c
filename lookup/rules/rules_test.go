package rules

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/lookup/internal/linetest"
	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/lookup/usage"
	"github.com/vmapd/vmapd/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// data answers from one snapshot.
type data struct {
	*lookup.Resolver
	snap *store.Snapshot
	err  error
}

func (d *data) Snapshot(context.Context) (*store.Snapshot, error) { return d.snap, d.err }
func (d *data) Servable() *store.Snapshot                         { return d.snap }

// used is how full mailboxes are, in bytes.
type used map[string]int64

func (u used) Of(m *store.Mailbox) (usage.Figures, bool) {
	n, ok := u[m.Address]
	return usage.Figures{Bytes: n}, ok
}

const mb = 1 << 20

// world is a few mailboxes of 10 MB.
func world() *store.Snapshot {
	b := store.NewBuilder()
	b.AddDomain(store.Domain{ID: 1, Name: "home.test", Type: store.LocalDomain, Enabled: true, MessageLimit: store.LimitOf(100)})
	b.AddDomain(store.Domain{ID: 2, Name: "off.test", Type: store.LocalDomain})
	b.AddDomain(store.Domain{ID: 3, Name: "free.test", Type: store.LocalDomain, Enabled: true})
	id := uint32(0)
	box := func(m store.Mailbox, active bool, login, address string) {
		id++
		m.ID, m.AccountID = id, id
		b.AddAccount(store.Account{ID: id, Username: login, Email: address, Active: active})
		b.AddMailbox(m)
	}
	box(store.Mailbox{Local: "ann", DomainID: 1, Quota: 10, MessageLimit: store.LimitOf(5)}, true, "ann@home.test", "ann@home.test")
	box(store.Mailbox{Local: "ben", DomainID: 1, Quota: 10}, true, "ben@home.test", "ben@home.test")
	box(store.Mailbox{Local: "none", DomainID: 1, MessageLimit: store.LimitOf(0)}, true, "none@home.test", "none@home.test")
	box(store.Mailbox{Local: "gone", DomainID: 1, Quota: 10}, false, "gone@home.test", "gone@home.test")
	box(store.Mailbox{Local: "robot", DomainID: 1, SendOnly: true}, true, "robot@home.test", "robot@home.test")
	box(store.Mailbox{Local: "boss", DomainID: 1, Quota: 10}, true, "admin", "boss@home.test")
	box(store.Mailbox{Local: "lost", DomainID: 2, Quota: 10}, true, "lost@off.test", "lost@off.test")
	box(store.Mailbox{Local: "eve=x", DomainID: 3}, true, "eve=x@free.test", "eve=x@free.test")
	b.AddAlias(store.Alias{ID: 1, Address: "team@home.test", DomainID: 1, Enabled: true})
	b.AddRecipient(store.Recipient{ID: 1, AliasID: 1, Address: "gone@home.test", MailboxID: 4})
	b.AddRecipient(store.Recipient{ID: 2, AliasID: 1, Address: "ann@home.test", MailboxID: 1})
	return b.Build(time.Now())
}

func defaults(t testing.TB) Settings {
	t.Helper()
	reply := func(text string) policy.Action {
		a, err := ParseReply(text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	return Settings{
		MasterSeparator: "*", Recipients: true, DisabledAccounts: true, Quota: true, Grace: 10,
		Disabled: reply("550 5.2.1 Mailbox is disabled"), Full: reply("554 5.2.2 Mailbox is full"), TooLarge: reply("552 5.2.3 Message is too large for the mailbox"),
	}
}

// host is rules with a clock.
type host struct {
	*Rules
	now    time.Time
	engine *sendlimit.Engine
	failed []string
}

func newHost(t testing.TB, s Settings) *host {
	t.Helper()
	h := &host{now: time.Date(2026, 11, 30, 22, 0, 0, 0, time.UTC)}
	h.engine = sendlimit.Open(sendlimit.Settings{Now: func() time.Time { return h.now }})
	d := &data{lookup.NewResolver(&store.Store{}, lookup.Options{RecipientDelimiter: "+"}), world(), nil}
	u := used{"ann@home.test": 1 * mb, "ben@home.test": 10 * mb, "boss@home.test": 9 * mb, "gone@home.test": 20 * mb}
	h.Rules = New(d, u, h.engine, Hooks{Failed: func(rule string, err error) {
		h.failed = append(h.failed, rule+": "+strings.Split(err.Error(), "\n")[0])
	}}, s)
	return h
}

func rcpt(sasl, to string) *policy.Request {
	return &policy.Request{State: policy.Rcpt, SASLUsername: []byte(sasl), Recipient: []byte(to), Instance: []byte("i1")}
}

func end(sasl, instance string, recipients int) *policy.Request {
	return &policy.Request{State: policy.EndOfMessage, SASLUsername: []byte(sasl), Instance: []byte(instance), RecipientCount: recipients, Size: 1000}
}

func (h *host) want(t *testing.T, r *policy.Request, want string) {
	t.Helper()
	if got := h.Decide(context.Background(), r).String(); got != want {
		t.Errorf("%v %s to %s, %s: %q, want %q", r.State, r.SASLUsername, r.Recipient, r.Instance, got, want)
	}
}

func TestRecipients(t *testing.T) {
	h := newHost(t, defaults(t))
	const (
		disabled, isFull = "550 5.2.1 Mailbox is disabled", "554 5.2.2 Mailbox is full"
		tooLarge         = "552 5.2.3 Message is too large for the mailbox"
	)
	for _, tc := range []struct {
		to   string
		size int64
		want string
	}{
		{"ann@home.test", 0, "DUNNO"},
		{"ann@home.test", 9 * mb, "DUNNO"},
		{"ann@home.test", 10 * mb, "DUNNO"}, // the last one may exceed by a tenth
		{"ann@home.test", 10*mb + 1, isFull},
		{"ann@home.test", 11*mb + 1, tooLarge},
		{"ben@home.test", 0, isFull},
		{"BEN+x@Home.test", 1, isFull},
		{"boss@home.test", 0, "DUNNO"},
		{"gone@home.test", 0, disabled},
		{"robot@home.test", 0, disabled},
		{"lost@off.test", 0, disabled},
		{"team@home.test", 0, "DUNNO"},
		{"nobody@home.test", 0, "DUNNO"},
		{"none@home.test", 1 << 40, "DUNNO"}, // without a quota
		{"somebody@far.test", 1 << 40, "DUNNO"},
		{"", 0, "DUNNO"},
	} {
		r := rcpt("", tc.to)
		r.Size = tc.size
		h.want(t, r, tc.want)
		for _, state := range []policy.State{policy.Connect, policy.Mail, policy.Data, policy.EndOfMessage, policy.Unknown} {
			r.State = state
			h.want(t, r, "DUNNO")
		}
	}
}

// TestDisabledAccountsTakeMail: as on a host of Modoboa's, unless it is set.
func TestDisabledAccountsTakeMail(t *testing.T) {
	s := defaults(t)
	s.DisabledAccounts, s.Quota = false, false
	h := newHost(t, s)
	h.want(t, rcpt("", "gone@home.test"), "DUNNO")
	h.want(t, rcpt("", "robot@home.test"), "550 5.2.1 Mailbox is disabled")
	h.want(t, rcpt("", "lost@off.test"), "550 5.2.1 Mailbox is disabled")
}

func TestRecipientsExempt(t *testing.T) {
	s := defaults(t)
	exempt := func(list ...string) Exemptions {
		e, err := ParseExemptions(list)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	s.Exempt, s.QuotaExempt = exempt("gone@HOME.test", "off.test", "192.0.2.0/24"), exempt("context:webmail")
	h := newHost(t, s)
	h.want(t, rcpt("", "gone@home.test"), "554 5.2.2 Mailbox is full") // of one rule alone
	h.want(t, rcpt("", "lost@off.test"), "DUNNO")
	h.want(t, rcpt("", "robot@home.test"), "550 5.2.1 Mailbox is disabled")
	full := rcpt("", "ben@home.test")
	h.want(t, full, "554 5.2.2 Mailbox is full")
	full.PolicyContext = []byte("webmail")
	h.want(t, full, "DUNNO")
	s.Recipients, s.Quota = false, false
	h.SetSettings(s)
	h.want(t, rcpt("", "robot@home.test"), "DUNNO")
	h.want(t, rcpt("", "ben@home.test"), "DUNNO")
}

const annOver = " Sending limit of 5 recipients per day for ann@home.test reached; try again after 2026-12-01 00:00:00 UTC"

func TestMessageLimit(t *testing.T) {
	h := newHost(t, defaults(t))
	for i := range 3 { // a look counts nothing
		h.want(t, rcpt("ann@home.test", fmt.Sprint(i, "@far.test")), "DUNNO")
	}
	h.want(t, end("Ann@Home.test", "a", 3), "DUNNO")
	h.want(t, end("ann@home.test", "a", 3), "DUNNO") // the same message
	h.want(t, end("ann@home.test", "b", 3), "DEFER_IF_PERMIT 4.7.1"+annOver)
	h.want(t, rcpt("ann@home.test", "x@far.test"), "DUNNO")
	h.want(t, end("ann@home.test*master@home.test", "c", 2), "DUNNO") // master for the user
	h.want(t, rcpt("ann@home.test", "x@far.test"), "DEFER_IF_PERMIT 4.7.1"+annOver)
	h.want(t, end("ann@home.test", "d", 6), "REJECT 5.7.1 Sending limit of 5 recipients per day for ann@home.test: this message alone is more")
	h.want(t, end("none@home.test", "e", 1), "REJECT 5.7.1 Sending limit of 0 recipients per day for none@home.test: nothing may be sent")
	h.want(t, end("ben@home.test", "f", 90), "DUNNO")
	h.want(t, end("ben@home.test", "g", 6), "DEFER_IF_PERMIT 4.7.1 Sending limit of 100 recipients per day for home.test reached; try again after 2026-12-01 00:00:00 UTC")
	h.want(t, end("admin", "h", 5), "DUNNO") // boss@home.test
	h.want(t, end("boss@home.test", "i", 1), "DEFER_IF_PERMIT 4.7.1 Sending limit of 100 recipients per day for home.test reached; try again after 2026-12-01 00:00:00 UTC")
	h.want(t, end("eve=x@free.test", "j", 1000), "DUNNO")
	h.want(t, end("", "k", 1000), "DUNNO")
	h.now = h.now.Add(2 * time.Hour)
	h.want(t, end("ann@home.test", "b", 3), "DUNNO")
}

func TestConfiguredLimits(t *testing.T) {
	s := defaults(t)
	for _, text := range []string{"50 recipients/day", "3 messages/1h", "10K bytes/day"} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Accounts = append(s.Accounts, l)
	}
	s.Domains = []sendlimit.Limit{{Unit: sendlimit.Messages, Max: 4, Window: sendlimit.Day}}
	s.Reject = true
	s.SendingExempt, _ = ParseExemptions([]string{"ben@home.test"})
	h := newHost(t, s)
	h.want(t, end("ann@home.test", "a", 6), "REJECT 5.7.1 Sending limit of 5 recipients per day for ann@home.test: this message alone is more")
	h.want(t, end("eve=x@free.test", "a", 51), "REJECT 5.7.1 Sending limit of 50 recipients per day for eve=x@free.test: this message alone is more")
	big := end("eve=x@free.test", "b", 1)
	big.Size = 10<<10 + 1
	h.want(t, big, "REJECT 5.7.1 Sending limit of 10240 bytes per day for eve=x@free.test: this message alone is more")
	big.State = policy.Rcpt // announced
	h.want(t, big, "REJECT 5.7.1 Sending limit of 10240 bytes per day for eve=x@free.test: this message alone is more")
	for i := range 3 {
		h.want(t, end("printer", fmt.Sprint(i), 1), "DUNNO") // a name without @ and without a mailbox
	}
	h.want(t, end("PRINTER", "x", 1), "REJECT 5.7.1 Sending limit of 3 messages per 1h for printer reached; try again after 2026-11-30 23:01:00 UTC")
	for i := range 10 {
		h.want(t, end("ben@home.test", fmt.Sprint(i), 1000), "DUNNO") // exempt
	}
	for i, user := range []string{"a@other.test", "b@other.test", "c@other.test", "d@other.test"} {
		h.want(t, end(user, fmt.Sprint("d", i), 1), "DUNNO")
	}
	h.want(t, end("e@other.test", "e", 1), "REJECT 5.7.1 Sending limit of 4 messages per day for other.test reached; try again after 2026-12-01 00:00:00 UTC")
}

// TestNamesAreKept counts for names that are in a request alone, one after the
// other: the next one is written where the one before was.
func TestNamesAreKept(t *testing.T) {
	set := defaults(t)
	set.Accounts = []sendlimit.Limit{{Unit: sendlimit.Messages, Max: 1}}
	h := newHost(t, set)
	for i := range 20 {
		h.want(t, end(fmt.Sprintf("printer%02d", i), fmt.Sprint(i), 1), "DUNNO")
	}
	for _, s := range h.engine.Each(sendlimit.Subject{}, 100) {
		if len(s.Used) != 1 || s.Used[0].Used != 1 || !strings.HasPrefix(s.Subject.Name, "printer") {
			t.Errorf("%+v", s)
		}
	}
	for i := range 20 {
		name := fmt.Sprintf("printer%02d", i)
		if m := h.engine.Peek(sendlimit.Subject{Kind: sendlimit.Account, Name: name}, set.Accounts...); m[0].Used != 1 {
			t.Errorf("%s has sent %d", name, m[0].Used)
		}
	}
}

func TestCountAtRcpt(t *testing.T) {
	s := defaults(t)
	s.AtRcpt = true
	h := newHost(t, s)
	for range 2 { // Postfix asks again after a connection that was lost
		for i := range 5 {
			h.want(t, rcpt("ann@home.test", fmt.Sprint("x", i, "@far.test")), "DUNNO")
		}
	}
	h.want(t, rcpt("ann@home.test", "x5@far.test"), "DEFER_IF_PERMIT 4.7.1"+annOver)
	h.want(t, end("ann@home.test", "i1", 5), "DUNNO")
}

func TestNewRecipients(t *testing.T) {
	s := defaults(t)
	s.Accounts = []sendlimit.Limit{{Unit: sendlimit.NewRecipients, Max: 2, Window: sendlimit.Day}}
	for _, atRcpt := range []bool{false, true} {
		s.AtRcpt = atRcpt
		h := newHost(t, s)
		for _, to := range []string{"a@far.test", "b@far.test", "A@far.test"} {
			h.want(t, rcpt("ben@home.test", to), "DUNNO")
		}
		h.want(t, rcpt("ben@home.test", "c@far.test"), "DEFER_IF_PERMIT 4.7.1 Sending limit of 2 new-recipients per day for ben@home.test reached; try again after 2026-12-01 00:00:00 UTC")
		h.want(t, end("ben@home.test", "i1", 2), "DUNNO")
		h.now = h.now.Add(2 * time.Hour)
		for _, to := range []string{"c@far.test", "d@far.test", "a@far.test"} {
			h.want(t, rcpt("ben@home.test", to), "DUNNO")
		}
	}
}

func TestSuspension(t *testing.T) {
	s := defaults(t)
	s.SendingExempt, _ = ParseExemptions([]string{"home.test"})
	h := newHost(t, s)
	h.engine.Suspend(sendlimit.Subject{Kind: sendlimit.Account, Name: "ann@home.test"}, h.now.Add(time.Hour), "x")
	h.engine.Suspend(sendlimit.Subject{Kind: sendlimit.Domain, Name: "free.test"}, time.Time{}, "x")
	for _, r := range []*policy.Request{rcpt("ann@home.test", "x@far.test"), end("ann@home.test", "a", 1)} {
		h.want(t, r, "REJECT 5.7.1 Sending is suspended for ann@home.test; try again after 2026-11-30 23:00:00 UTC")
	}
	h.want(t, end("eve=x@free.test", "b", 1), "REJECT 5.7.1 Sending is suspended for free.test; ask your administrator")
	h.want(t, end("ben@home.test", "c", 1), "DUNNO")
}

// panicking is a mailbox whose usage cannot be asked for.
type panicking struct{}

func (panicking) Of(*store.Mailbox) (usage.Figures, bool) { panic("out of order") }

// TestRulesFailAlone: one that panics says nothing, the others go on.
func TestRulesFailAlone(t *testing.T) {
	h := newHost(t, defaults(t))
	h.usage = panicking{}
	h.want(t, rcpt("ann@home.test", "ben@home.test"), "DUNNO")
	h.want(t, rcpt("none@home.test", "ben@home.test"), "REJECT 5.7.1 Sending limit of 0 recipients per day for none@home.test: nothing may be sent")
	if got := strings.Join(h.failed, "; "); got != "quota: panic: out of order; quota: panic: out of order" {
		t.Error(got)
	}
}

// TestWithoutData: no data is not an answer, but only those who need data ask.
func TestWithoutData(t *testing.T) {
	h := newHost(t, defaults(t))
	h.data = &data{nil, nil, errors.New("not yet")}
	var told error
	h.hooks.NoData = func(err error) { told = err }
	h.want(t, rcpt("", "ann@home.test"), "(none)")
	h.want(t, end("ann@home.test", "a", 1), "(none)")
	h.want(t, end("", "a", 1), "DUNNO")
	h.want(t, &policy.Request{State: policy.Connect}, "DUNNO")
	if told == nil {
		t.Error("nobody was told")
	}
}

// TestExactUnderConcurrency: of many who send at the same time exactly as many
// get through as the limit allows.
func TestExactUnderConcurrency(t *testing.T) {
	h := newHost(t, defaults(t))
	var through atomic.Int64
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for k := range 20 {
				if h.Decide(context.Background(), end("ben@home.test", fmt.Sprint(i, "-", k), 1)).Verb == policy.VerbDunno {
					through.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := through.Load(); n != 100 {
		t.Errorf("%d messages got through, not 100", n)
	}
}

// BenchmarkDecide is one decision of each kind.
func BenchmarkDecide(b *testing.B) {
	s := defaults(b)
	h := newHost(b, s)
	ctx := context.Background()
	for _, tc := range []struct {
		name string
		r    *policy.Request
	}{
		{"recipient", rcpt("", "ann@home.test")},
		{"look", rcpt("ben@home.test", "x@far.test")},
		{"nobody", end("", "a", 1)},
		{"unlimited", end("eve=x@free.test", "a", 1)},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.Decide(ctx, tc.r)
			}
		})
	}
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		instance := make([]byte, 0, 32)
		for i := 0; b.Loop(); i++ {
			instance = fmt.Appendf(instance[:0], "%d", i)
			r := end("ben@home.test", "", 1)
			r.Instance = instance
			if i%50 == 0 {
				h.engine.Reset(sendlimit.Subject{Kind: sendlimit.Domain, Name: "home.test"})
			}
			h.Decide(ctx, r)
		}
	})
}

// BenchmarkServe is the same with the protocol, as Postfix speaks it.
func BenchmarkServe(b *testing.B) {
	h := newHost(b, defaults(b))
	s := &policy.Server{Decide: h.Decide}
	for _, tc := range []struct{ name, state, sasl, to string }{
		{"recipient", "RCPT", "", "ann@home.test"}, {"look", "RCPT", "ben@home.test", "x@far.test"}, {"connect", "CONNECT", "", ""},
	} {
		request := "request=smtpd_access_policy\nprotocol_state=" + tc.state + "\nprotocol_name=ESMTP\nclient_address=192.0.2.25\nclient_name=client.far.test\nclient_port=55555\n" +
			"reverse_client_name=client.far.test\nserver_address=192.0.2.1\nserver_port=25\nhelo_name=client.far.test\nsender=somebody@far.test\nrecipient=" + tc.to +
			"\nrecipient_count=0\nqueue_id=\ninstance=7b.5a1f.0.0\nsize=2179\netrn_domain=\nstress=\nsasl_method=\nsasl_username=" + tc.sasl +
			"\nsasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\nencryption_protocol=\nencryption_cipher=\nencryption_keysize=0\npolicy_context=\n\n"
		b.Run(tc.name, func(b *testing.B) {
			linetest.Bench(b, func(nc net.Conn) { _ = s.ServeConn(context.Background(), nc) }, []byte(request), []byte("action=DUNNO\n\n"))
		})
	}
}

package dnschecks

import (
	"io"
	"log"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/internal/resolve"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a checker and the DNS that it sees.
type world struct {
	zone    *dnstest.Zone
	checker *Checker
	now     time.Time
}

// newWorld makes a world of lines in the form of zone files; TXT records that
// are no such lines follow as "name|text".
func newWorld(t testing.TB, lines ...string) *world {
	t.Helper()
	w := &world{zone: dnstest.NewZone(t), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	w.publish(t, lines...)
	client, err := resolve.New(resolve.Options{Servers: []string{dnstest.Serve(t, w.zone)}, Try: time.Minute, Timeout: 5 * time.Minute, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.checker = New(Options{DNS: client, Now: func() time.Time { return w.now }})
	return w
}

func (w *world) publish(t testing.TB, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if name, text, ok := strings.Cut(l, "|"); ok {
			w.zone.TXT(name, text)
		} else {
			w.zone.Lines(t, l)
		}
	}
}

// only are settings for some checks.
func only(kinds ...Kind) Settings {
	return Settings{Checks: kinds, IPv6: true, Host: "mail.host.org"}
}

// check makes one check of example.org and returns its result.
func (w *world) check(t testing.TB, s Settings) (*Result, *Report) {
	t.Helper()
	report := w.checker.Check(t.Context(), Domain{ID: 1, Name: "example.org"}, s, true)
	if report.Skipped != "" {
		t.Fatal(report.Skipped)
	}
	return report.Result(s.Checks[len(s.Checks)-1]), report
}

// said writes a result in one line: its state and the codes of its findings.
func said(r *Result) string {
	out := string(r.State)
	for _, f := range r.Findings {
		out += " " + f.Code
	}
	return out
}

// sound fails for what no result may have.
func sound(t testing.TB, report *Report) {
	t.Helper()
	if len(report.Results) != len(Kinds()) {
		t.Errorf("%d results", len(report.Results))
	}
	for i, r := range report.Results {
		if r.Kind != Kinds()[i] {
			t.Errorf("the result %d is of %s", i, r.Kind)
		}
		if len(r.Error) > maxError || (r.Error == "") != (r.State.rank() <= OK.rank()) {
			t.Errorf("%s: %s with the error %q", r.Kind, r.State, r.Error)
		}
		if r.Findings == nil || r.TTL < 0 {
			t.Errorf("%s: %+v", r.Kind, r)
		}
		for _, f := range r.Findings {
			if f.Text == "" || f.Code == "" || (f.State == Warning || f.State == Critical) && f.Remedy == "" {
				t.Errorf("%s: %+v", r.Kind, f)
			}
			if strings.ContainsFunc(f.Text, func(c rune) bool { return c < ' ' && c != '\n' || c > '~' }) {
				t.Errorf("%s: %q is not printable", r.Kind, f.Text)
			}
		}
	}
}

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range texts {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// impatient is a client that soon gives up.
func impatient(t testing.TB, server string) *resolve.Client {
	t.Helper()
	c, err := resolve.New(resolve.Options{Servers: []string{server}, Try: 20 * time.Millisecond, Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// patient is a client that waits for long.
func patient(t testing.TB, server string) *resolve.Client {
	t.Helper()
	c, err := resolve.New(resolve.Options{Servers: []string{server}, Try: time.Hour, Timeout: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

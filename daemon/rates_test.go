package daemon

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/page"
)

// What comes between two looks at the counters is spread over the seconds in
// between, and nothing is lost of it.
func TestRates(t *testing.T) {
	r := newRates()
	add := func(total float64, seconds int) { r.add(map[string]float64{"socketmap": total}, seconds) }
	seconds := func() []uint32 { return r.list(map[string]int{"socketmap": 3, "auth": 1, "auth-master": 2})[0].Seconds }
	if got := seconds(); len(got) != 0 {
		t.Errorf("before the first second: %v", got)
	}
	add(5, 1)
	add(12, 2)
	add(12, 1)
	add(2, 1) // a counter never goes back, but if it does nothing came
	add(4, 1)
	if diff := cmp.Diff([]uint32{5, 3, 4, 0, 0, 2}, seconds()); diff != "" {
		t.Error(diff)
	}
	for range page.RateSeconds {
		add(4, 1)
	}
	add(11, 1)
	got := seconds()
	if len(got) != page.RateSeconds || got[len(got)-1] != 7 || got[0] != 0 {
		t.Errorf("%d seconds, the last %d", len(got), got[len(got)-1])
	}
	add(11+2*page.RateSeconds, 10*page.RateSeconds) // the machine has slept
	if got := seconds(); len(got) != page.RateSeconds || got[0] != 2 || got[len(got)-1] != 2 {
		t.Errorf("after a sleep: %v ...", got[:3])
	}
	list := r.list(map[string]int{"socketmap": 3, "auth": 1, "auth-master": 2})
	if list[0].Connections != 3 || list[4].Protocol != "auth" || list[4].Connections != 3 {
		t.Errorf("connections: %+v", list[4].Connections)
	}
}

// The counters of the metrics are those of the rates.
func TestTotals(t *testing.T) {
	m := newMetrics()
	maps, dicts := m.tallies.of("socketmap", []string{"aliases", "domains"}), m.tallies.of("dict", []string{"quota"})
	for i := range 3 {
		maps.stripes[i].answered(0, answerFound)
	}
	maps.stripes[0].answered(1, answerTemp)
	dicts.stripes[0].answered(0, answerNotFound)
	dicts.stripes[1].answered(0, answerNotFound)
	m.logins.WithLabelValues("imap", "ok").Add(5)
	m.logins.WithLabelValues("page", "wrong_password").Inc()
	m.messages.WithLabelValues("signed").Add(7)
	want := map[string]float64{"socketmap": 4, "dict": 2, "auth": 6, "milter": 7}
	if diff := cmp.Diff(want, m.totals()); diff != "" {
		t.Error(diff)
	}
}

// Rates are read once a second while the daemon runs.
func TestRatesRun(t *testing.T) {
	r := newRig(t, basics)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	began := time.Now()
	for range 3 {
		if _, _, err := ask(t, "unix", r.path("socketmap"), "aliases", "info@example.com"); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the requests are in the rates", func() bool {
		sum := uint32(0)
		for _, v := range r.rates.list(nil)[0].Seconds {
			sum += v
		}
		return sum == 3
	})
	if n, most := len(r.rates.list(nil)[0].Seconds), int(time.Since(began)/time.Second)+60; n > most {
		t.Errorf("%d seconds", n)
	}
}

//go:build bench

package main_test

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestBench measures vmapd beside what it is to be compared with, always both
// in the same run and in turns, so that the ratios hold although the machine
// does other things at times. docs/performance.md says what is compared and
// how to read it. A part can be run alone: -run 'TestBench/1M'.
func TestBench(t *testing.T) {
	r := &report{}
	binary := drill.Binary(t)
	t.Run("100k", func(t *testing.T) {
		h := newBenchHost(t, binary, benchSize{domains: 1000, mailboxes: 100, aliases: 10, others: 100})
		t.Run("nothing", func(t *testing.T) { benchNothing(t, h, r) })
		t.Run("policy", func(t *testing.T) { benchPolicy(t, h, r) })
		t.Run("postmap", func(t *testing.T) { benchPostmap(t, h, r) })
		t.Run("dovecot", func(t *testing.T) { benchDovecot(t, h, r) })
		t.Run("admin", func(t *testing.T) { benchAdmin(t, h, r) }) // last: it adds rows
	})
	t.Run("1M", func(t *testing.T) {
		h := newBenchHost(t, binary, benchSize{domains: 1000, mailboxes: 1000, aliases: 20})
		t.Run("load", func(t *testing.T) { benchLoad(t, h, r) })
		t.Run("policy", func(t *testing.T) { benchPolicyMillion(t, h, r) })
		t.Run("reload", func(t *testing.T) { benchReload(t, h, r) })
		t.Run("fresh", func(t *testing.T) { benchFresh(t, h, r) })
		t.Run("stored", func(t *testing.T) { benchStored(t, h, r) })
	})
	t.Run("dkim", func(t *testing.T) {
		t.Run("sign", func(t *testing.T) { benchDKIM(t, binary, r) })
		t.Run("keys", func(t *testing.T) { benchKeys(t, binary, r) })
	})
	t.Run("polled", func(t *testing.T) {
		t.Run("mariadb", func(t *testing.T) { benchPolled(t, binary, "MariaDB", dbtest.MariaDB(t).NewDatabase(t), r) })
		t.Run("sqlite", func(t *testing.T) { benchPolled(t, binary, "SQLite", dbtest.SQLite(t), r) })
	})
	fmt.Fprint(t.Output(), r.table())
	for _, f := range r.figures {
		if f.missed {
			t.Errorf("%s: %s, target %s", f.name, f.value, f.target)
		}
	}
}

// report gathers the figures of all parts.
type report struct{ figures []figure }

type figure struct {
	name, value, target, spread string
	missed                      bool
}

// atLeast notes the median of a figure that must not be below a target.
func (r *report) atLeast(name, format string, of samples, target float64) {
	r.note(name, format, of, "≥ "+fmt.Sprintf(format, target), of.median() < target)
}

// atMost notes the median of a figure that must not be above a target.
func (r *report) atMost(name, format string, of samples, target float64) {
	r.note(name, format, of, "≤ "+fmt.Sprintf(format, target), of.median() > target)
}

// tell notes the median of a figure that has no target.
func (r *report) tell(name, format string, of samples) { r.note(name, format, of, "", false) }

func (r *report) note(name, format string, of samples, target string, missed bool) {
	lo, hi := of.quartiles()
	spread := fmt.Sprintf(format+" … "+format+" in %d rounds", lo, hi, len(of))
	r.figures = append(r.figures, figure{name, fmt.Sprintf(format, of.median()), target, spread, missed})
}

// table prints one line for each figure.
func (r *report) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FIGURE\tMEDIAN\tTARGET\tVERDICT\tMIDDLE HALF")
	for _, f := range r.figures {
		verdict := "ok"
		switch {
		case f.missed:
			verdict = "MISSED"
		case f.target == "":
			verdict = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.name, f.value, f.target, verdict, f.spread)
	}
	w.Flush()
	return b.String()
}

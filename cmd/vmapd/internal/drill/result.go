package drill

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is a line of the table: what clients saw of one drill.
type Result struct {
	Drill, Engine string
	Wrong         int // wrong answers of any kind
	NotFound      int // of these: "not found" of what is there
	Temp          int // "try again" where it was not allowed
	Gap           time.Duration
	Idle          time.Duration // the longest pause of doing nothing meanwhile
	Ratio         float64       // rate of answers during the fault ÷ before; 0: nothing to compare
	Recovery      time.Duration // from the end of the fault until a change made after it is served; 0: nothing to recover from
	Failed        bool
}

// Table prints results, one a line.
func Table(results []*Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DRILL\tENGINE\tWRONG\tNOT FOUND\tTEMP\tLONGEST GAP\tIDLE'S\tRATE\tRECOVERY\tVERDICT")
	for _, r := range results {
		verdict := "ok"
		if r.Failed {
			verdict = "FAILED"
		}
		ratio, recovery := "-", "-"
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", r.Ratio)
		}
		if r.Recovery > 0 {
			recovery = millis(r.Recovery)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", r.Drill, r.Engine, r.Wrong, r.NotFound, r.Temp, millis(r.Gap), millis(r.Idle), ratio, recovery, verdict)
	}
	w.Flush()
	return b.String()
}

func millis(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }

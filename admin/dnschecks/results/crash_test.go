package results_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/dnschecks/results"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// childEnv has the URL of the database in a process that is to be killed.
const childEnv = "VMAPD_TEST_DNS_RESULTS"

// child writes two kinds of reports in turn, as fast as it can.
func child() {
	d, err := db.Open(os.Getenv(childEnv), db.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s := results.New(results.Options{DB: d, Dir: os.TempDir()})
	for i := 0; ; i++ {
		r := report()
		r.Checked = time.Now().UTC().Truncate(time.Microsecond)
		if i%2 == 1 {
			bare(r)
		}
		if _, err := s.Keep(context.Background(), r); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(i)
	}
}

// bare makes of a report one of a domain that has nothing in DNS.
func bare(r *dnschecks.Report) {
	r.Hosts, r.Listings, r.State = nil, nil, dnschecks.Warning
	for i := range r.Results {
		r.Results[i].Value, r.Results[i].State, r.Results[i].Findings = "", dnschecks.Warning, []dnschecks.Finding{{State: dnschecks.Warning, Code: "missing", Text: "missing"}}
	}
}

// TestKilled kills a writer at random moments: what is there is always one
// report, whole.
func TestKilled(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := dbtest.Open(t, url, db.Options{})
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		w := open(t, d)
		w.domain(1, "example.org")
		for range 6 {
			kill(t, url)
			state := w.rows("SELECT state FROM vmapd_dns_check WHERE domain_id = 1")
			got := w.found(1)
			if len(state) != 1 || (state[0] == "critical" && got != wellKept) || (state[0] == "warning" && got != "") {
				t.Errorf("%v with the rows\n%s", state, got)
			}
		}
		r := report()
		r.Checked = time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		w.keep(r)
		w.want("afterwards", wellKept)
	})
}

// kill starts a writer and kills it after a few reports.
func kill(t *testing.T, url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := 0; i < 3 && lines.Scan(); i++ {
		if lines.Text() != fmt.Sprint(i) {
			t.Error(lines.Text())
		}
	}
	time.Sleep(time.Duration(rand.IntN(15_000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	for lines.Scan() { // to its end
	}
	_ = cmd.Wait()
}

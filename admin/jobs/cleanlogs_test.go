package jobs_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// logged adds lines to core_log, one for each age in days.
func (n *node) logged(days ...int) {
	n.t.Helper()
	for i, ago := range days {
		n.exec("INSERT INTO core_log (date_created, message, level, logger) VALUES (?, ?, 'INFO', 'modoboa.admin')",
			n.d.Time(time.Now().AddDate(0, 0, -ago)), fmt.Sprintf("%d days, line %d", ago, i))
	}
}

func TestCleanLogs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		n.logged(1, 400, 364, 366, 5000)
		n.unchanged("a dry run", func() {
			if r := n.order("clean-logs", jobs.Order{DryRun: true}); r.Result != "would delete 3 entries of core_log" {
				t.Errorf("dry run: %+v", r)
			}
		})
		for _, want := range []string{"deleted 3 entries of core_log", "deleted 0 entries of core_log"} {
			if r := n.order("clean-logs", jobs.Order{}); r.Result != want {
				t.Errorf("%+v, want %q", r, want)
			}
			if diff := cmp.Diff([]string{"1 days, line 0", "364 days, line 2"}, n.column("SELECT message FROM core_log")); diff != "" {
				t.Error(diff)
			}
		}
		n.parameters(`{"core": {"log_maximum_age": 0}}`)
		if r := n.order("clean-logs", jobs.Order{}); r.Result != "nothing is to be cleaned" {
			t.Errorf("%+v", r)
		}
		n.parameters(`{"core": {"log_maximum_age": 9223372036854775807}}`)
		n.order("clean-logs", jobs.Order{})
		if c := n.count("core_log"); c != "2" {
			t.Errorf("%s lines, want 2", c)
		}
	})
}

// TestCleanManyLogs needs more than one chunk.
func TestCleanManyLogs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		n.logged(400, 1)
		for range 12 { // 4096 of each
			n.exec("INSERT INTO core_log (date_created, message, level, logger) SELECT date_created, message, level, logger FROM core_log")
		}
		var last jobs.Event
		n.order("clean-logs", jobs.Order{Watch: func(e jobs.Event) {
			if e.Total > 0 {
				last = e
			}
		}})
		if c := n.count("core_log"); c != "4096" || last != (jobs.Event{Done: 4096, Total: 4096}) {
			t.Errorf("%s lines are left, progress %+v", c, last)
		}
	})
}

func TestCleanLogsOfModoboas(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		n := newNode(t, url)
		n.exec("DELETE FROM core_log")
		n.logged(400, 1)
		want := "deleted 1 entry of core_log"
		if release == "2.9.3" {
			for _, ago := range []int{170, 190} {
				n.exec("INSERT INTO maillog_maillog (queue_id, date, sender, rcpt, size, status) VALUES ('x', ?, 'a@b.test', 'c@d.test', 1, 'sent')", n.d.Time(time.Now().AddDate(0, 0, -ago)))
			}
			want += ", 1 entry of maillog_maillog"
		}
		if r := n.order("clean-logs", jobs.Order{}); r.Result != want {
			t.Errorf("%+v, want %q", r, want)
		}
		if c := n.count("core_log"); c != "1" {
			t.Errorf("%s lines are left", c)
		}
	})
}

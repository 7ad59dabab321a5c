package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// The test binary runs again as a node when these are in the environment.
const (
	childURL     = "JOBS_TEST_URL"
	childJob     = "JOBS_TEST_JOB"
	childChoices = "JOBS_TEST_CHOICES"
)

// child runs one job, once no other node runs it. It says each thing that it does,
// and goes on when it is told to.
func child() int {
	d, err := db.Open(os.Getenv(childURL), db.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer d.Close()
	site := siteOf(d)
	s := jobs.New(jobs.Options{Jobs: allJobs, Site: func() jobs.Site { return site }, Host: "child"})
	o := jobs.Order{Watch: func(e jobs.Event) {
		fmt.Printf("%+v\n", e)
		_, _ = os.Stdin.Read(make([]byte, 1))
	}}
	if c := os.Getenv(childChoices); c != "" {
		o.Choices = strings.Split(c, ",")
	}
	_, err = s.Now(context.Background(), os.Getenv(childJob), o)
	for errors.Is(err, jobs.ErrElsewhere) { // the server has not noticed that the one before is dead
		time.Sleep(5 * time.Millisecond)
		_, err = s.Now(context.Background(), os.Getenv(childJob), o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runChild runs a job in a process and kills it after so many events, 0 for never,
// and a moment in which it goes on unless that is 0. It reports whether it had not
// ended before.
func runChild(t *testing.T, url, job, choices string, events int, moment time.Duration) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url, childJob+"="+job, childChoices+"="+choices)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		if n != events || moment > 0 {
			_, _ = in.Write([]byte("\n")) // it may have ended
		}
		if n == events {
			time.Sleep(moment)
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	killed = cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	if err != nil && !killed {
		t.Errorf("the job failed: %v", err)
	}
	return killed
}

// crashData is much to do for every job.
func crashData(n *node) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "account;u%02d@one.test;{PLAIN}x;U;%d;true;SimpleUsers;u%02d@one.test;1\nalias;a%02d@one.test;true;u%02d@one.test\n", i, i, i, i, i)
	}
	n.csv(b.String())
	n.parameters(`{"admin": {"handle_mailboxes": true}}`)
	n.exec("UPDATE core_user SET last_login = ? WHERE username LIKE 'u%'", n.d.Time(time.Now().AddDate(0, 0, -90)))
	n.logged(400)
	for range 12 { // 4096
		n.exec("INSERT INTO core_log (date_created, message, level, logger) SELECT date_created, message, level, logger FROM core_log WHERE message LIKE '400%'")
	}
	n.damage()
}

// TestKilledHalfWay kills a node that runs a job, at several moments; another
// one then finds the lock free and does the rest, and what comes of it is what
// comes of one run that nobody disturbs.
func TestKilledHalfWay(t *testing.T) {
	for _, c := range []struct{ job, choices string }{{"clean-logs", ""}, {"clean-inactive-accounts", ""}, {"clean-inactive-accounts", jobs.Delete}, {"repair", ""}} {
		t.Run(c.job+" "+c.choices, func(t *testing.T) {
			dbtest.Each(t, func(t *testing.T, url string) {
				calm := filled(t, another(t, url))
				crashData(calm)
				calm.order(c.job, order(c.choices))
				n := filled(t, url)
				crashData(n)
				killed := 0
				for round := range 4 {
					moment := rand.N(4*time.Millisecond) * time.Duration(min(round, 1)) // the first is killed for sure
					if runChild(t, url, c.job, c.choices, 2+3*round, moment) {
						killed++
					}
				}
				if killed == 0 {
					t.Error("no run was killed: there was too little to do")
				}
				eventually(t, "the lock of a dead node is free", func() bool {
					_, err := n.Now(t.Context(), c.job, order(c.choices))
					return err == nil
				})
				if got, want := n.shape(), calm.shape(); got != want {
					t.Errorf("after %d kills:\n%s\nundisturbed:\n%s", killed, got, want)
				}
				if r := n.order(c.job, order(c.choices)); strings.Contains(c.job, "clean-inactive") && len(r.Lines) > 0 {
					t.Errorf("there was something left to do: %+v", r)
				}
			})
		})
	}
}

func order(choices string) jobs.Order {
	if choices == "" {
		return jobs.Order{}
	}
	return jobs.Order{Choices: strings.Split(choices, ",")}
}

// another is a second empty database of the same engine.
func another(t *testing.T, url string) string {
	t.Helper()
	switch {
	case strings.HasPrefix(url, "postgres"):
		return dbtest.Postgres(t).NewDatabase(t)
	case strings.HasPrefix(url, "mysql"):
		return dbtest.MariaDB(t).NewDatabase(t)
	}
	return dbtest.SQLite(t)
}

// shape is what matters of a database, without ids and times.
func (n *node) shape() string {
	n.t.Helper()
	var b strings.Builder
	for _, q := range []string{
		"SELECT count(*) FROM core_log WHERE message LIKE '400%'",
		"SELECT username FROM core_user WHERE is_active",
		"SELECT username FROM core_user WHERE NOT is_active",
		"SELECT address FROM admin_alias WHERE enabled",
		"SELECT address FROM admin_alias WHERE NOT enabled",
		"SELECT address FROM modoboa_admin_aliasrecipient",
		"SELECT username FROM admin_quota",
		"SELECT argument FROM admin_mailboxoperation",
		"SELECT count(*) FROM core_objectaccess",
		"SELECT count(*) FROM core_objectaccess WHERE is_owner",
		"SELECT message FROM core_log WHERE message LIKE 'Account%'",
	} {
		fmt.Fprintf(&b, "%s: %s\n", q, strings.Join(n.column(q), " "))
	}
	return b.String()
}

// TestTwoProcessesAtOnce: two processes that begin at the same time run the job one
// after the other, never both at once, so that the log has one line for each
// account.
func TestTwoProcessesAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		crashData(n)
		done := make(chan bool)
		for range 2 {
			go func() { done <- runChild(t, url, "clean-inactive-accounts", "", 0, 0) }()
		}
		for range 2 {
			if <-done {
				t.Error("a process was killed")
			}
		}
		for _, line := range n.column("SELECT count(*) FROM core_log WHERE message LIKE 'Account%' GROUP BY message") {
			if line != "1" {
				t.Errorf("an account was disabled %s times", line)
			}
		}
		if c := n.count("core_user WHERE NOT is_active AND username LIKE 'u%'"); c != "40" {
			t.Errorf("%s accounts are disabled", c)
		}
	})
}

package modoboa_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// belowFile leads to what stands below, in every way that there is.
const belowFile = `domain;one.test;0;10;true
alias;info@one.test;true;b@one.test;b+x@one.test;c@two.test;other@one.test;far@away.test
account;a@one.test;{PLAIN}a;A;One;true;DomainAdmins;a@one.test;0;one.test;two.test
alias;both@one.test;true;dual@one.test
domain;two.test;100;10;true
account;b@one.test;{PLAIN}b;B;One;true;SimpleUsers;b@one.test;5
alias;other@one.test;true;info@two.test
relaydomain;four.test;mx.away.test;2525;relay;true;true
account;admin2@two.test;{PLAIN}d;D;Two;true;DomainAdmins;admin2@two.test;0;two.test;one.test
domainalias;three.test;two.test;true
account;c@two.test;{PLAIN}c;C;Two;false;SimpleUsers;c@two.test;0
forward;c@two.test;true;c@two.test;any@four.test
account;dual@one.test;{PLAIN}x;X;One;true;SimpleUsers;dual@one.test;0
alias;info@two.test;true;c@two.test;c+extended@two.test;nobody@four.test
dlist;list@two.test;true;info@two.test;info@one.test
`

// TestImportInParts imports a file line by line, in threes, and at once: the
// tables are the same, ids and all.
func TestImportInParts(t *testing.T) {
	for name, file := range map[string]string{"demo": modoboa.DemoData, "below": belowFile} {
		t.Run(name, func(t *testing.T) {
			whole := tablesAfter(t, file, modoboa.ImportOptions{})
			for _, n := range []int{1, 3, 100} {
				parts := tablesAfter(t, file, modoboa.InParts(modoboa.ImportOptions{}, n))
				if diff := cmp.Diff(whole, parts); diff != "" {
					t.Errorf("%d lines at once (-whole +parts):\n%s", n, diff)
				}
			}
		})
	}
}

// tablesAfter are all rows of a new database after an import, and the report.
func tablesAfter(t *testing.T, file string, o modoboa.ImportOptions) map[string][]string {
	t.Helper()
	d := openDB(t, dbtest.SQLite(t))
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, o.ContinueIfExists = range []bool{false, true} {
		out["report"] = append(out["report"], fmt.Sprintf("%+v", importCSV(t, d, file, o)))
	}
	for table, columns := range map[string]string{
		"admin_domain": "id, name, type, quota, transport_id", "admin_domainalias": "id, name, target_id", "core_user": "id, username, email, is_active",
		"admin_mailbox": "id, address, domain_id, user_id, quota, use_domain_quota", "admin_quota": "username", "admin_alias": "id, address, internal, enabled, domain_id",
		"modoboa_admin_aliasrecipient": "alias_id, address, r_mailbox_id, r_alias_id", "transport_transport": "id, pattern, next_hop", "relaydomains_recipientaccess": "pattern, action",
		"core_objectaccess": "user_id, content_type_id, object_id, is_owner", "limits_userobjectlimit": "user_id, name, max_value", "core_user_groups": "user_id, group_id",
	} {
		for c := range strings.SplitSeq(columns, ", ") {
			columns = strings.Replace(columns, c, "coalesce("+c+", '-')", 1)
		}
		out[table] = column(t, d, "SELECT "+strings.ReplaceAll(columns, "), ", ") || ' ' || ")+" AS x FROM "+table+" ORDER BY x")
	}
	return out
}

// TestImportErrorsInParts: what is wrong is said once and for the same lines,
// wherever the parts end, and nothing is kept.
func TestImportErrorsInParts(t *testing.T) {
	file := belowFile + `domain;five;0;x;true
account;e@five;{PLAIN}e;E;Five;true;SimpleUsers;e@five;0
account;b@one.test;{PLAIN}b;B;One;true;SimpleUsers;b@one.test;5
alias;e@five;true;nobody@one.test
alias;lost@one.test;true;lost@one.test
`
	var whole []modoboa.LineError
	for _, n := range []int{100, 1, 2, 7} {
		d := openDB(t, dbtest.SQLite(t))
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		var bad *modoboa.ImportError
		if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(file), modoboa.InParts(modoboa.ImportOptions{}, n)); !errors.As(err, &bad) {
			t.Fatalf("%d lines at once: %v", n, err)
		}
		if whole == nil {
			whole = bad.Lines
		}
		if diff := cmp.Diff(whole, bad.Lines); diff != "" || len(whole) < 4 {
			t.Errorf("%d lines at once (-whole +parts):\n%s", n, diff)
		}
		if left := column(t, d, "SELECT name FROM admin_domain"); len(left) > 0 {
			t.Errorf("%d lines at once left %v", n, left)
		}
	}
}

// TestImportHashesInParts imports passwords in clear from a pipe, on all
// engines: it is read three times.
func TestImportHashesInParts(t *testing.T) {
	initialised(t, func(t *testing.T, d *db.DB) {
		r, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, "domain;a.test;0;0;1\naccount;x@a.test;one;;;1;SimpleUsers;x@a.test;0\naccount;y@a.test;two;;;1;SimpleUsers;y@a.test;0\n")
			w.CloseWithError(err)
		}()
		var done, total int64
		o := modoboa.InParts(modoboa.ImportOptions{CryptPasswords: true, CountOnly: true, Progress: func(a, b int64) { done, total = a, b }}, 1)
		report, err := modoboa.ImportCSV(t.Context(), d, r, o)
		if err != nil || report.Created["account"] != 2 || len(report.Changes) > 0 || done != total || done == 0 {
			t.Errorf("%+v, %v, progress %d of %d", report, err, done, total)
		}
		got := column(t, d, "SELECT password FROM core_user WHERE username LIKE '%@a.test' ORDER BY id")
		if len(got) != 2 || !strings.HasPrefix(got[0], "{SHA512-CRYPT}$6$") || got[0] == got[1] {
			t.Errorf("passwords %v", got)
		}
	})
}

// changing is a file that is longer at each reading.
type changing struct{ *os.File }

func (c changing) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		if _, err := c.WriteAt([]byte("domain;b.test;0;0;1\n"), 20); err != nil {
			return 0, err
		}
	}
	return c.File.Seek(offset, whence)
}

func TestImportOfAChangingFile(t *testing.T) {
	d := openDB(t, dbtest.SQLite(t))
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(t.TempDir() + "/x.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("domain;a.test;0;0;1\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	_, err = modoboa.ImportCSV(t.Context(), d, changing{f}, modoboa.ImportOptions{})
	if err == nil || !strings.Contains(err.Error(), "somebody changed it") {
		t.Errorf("error %v", err)
	}
	if left := column(t, d, "SELECT name FROM admin_domain"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestImportMemory: of a line that was taken some bytes are kept.
func TestImportMemory(t *testing.T) {
	live := func(accounts int) (peak uint64) {
		d := openDB(t, dbtest.SQLite(t))
		if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
			t.Fatal(err)
		}
		text, looked := strings.Clone(accountLines("large.test", accounts)), int64(0) // the builder has room to spare
		var m runtime.MemStats
		o := modoboa.InParts(modoboa.ImportOptions{CountOnly: true, Progress: func(done, _ int64) {
			if done-looked < 500 {
				return
			}
			looked = done
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc-uint64(len(text)))
		}}, 2000)
		importCSV(t, d, text, o)
		return peak
	}
	few, many := live(4000), live(16000)
	if each := (float64(many) - float64(few)) / 24000; each > 100 {
		t.Errorf("8,000 lines need %d KB, 32,000 need %d KB: %.0f bytes a line", few>>10, many>>10, each)
	}
}

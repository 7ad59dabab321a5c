package page

import (
	"net/http"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestAlarms lists, shows and closes alarms of the database and others, and shows
// how many there are.
func TestAlarms(t *testing.T) {
	shut, looked := int64(0), 0
	w := openWorld(t, func(o *Options) {
		o.Alarms = &manage.LocalAlarms{
			List: func() []manage.Alarm {
				return []manage.Alarm{{ID: -3, Kind: "database_down", Title: "the database <is> down", Detail: "connection refused", Open: shut == 0, Created: time.Now()}}
			},
			Close:   func(id int64) bool { shut = id; return true },
			Details: func([]int64) map[int64]string { return map[int64]string{1: "more of it"} },
			Closed:  func() { looked++ },
		}
	})
	w.live.Alarms = 3
	dbtest.Exec(t, w.d,
		"INSERT INTO admin_alarm (id, status, title, internal_name, domain_id, mailbox_id) VALUES (1, 1, 'ann is full', 'mailbox_full', (SELECT id FROM admin_domain WHERE name = 'one.test'), (SELECT id FROM admin_mailbox WHERE address = 'ann'))",
		"INSERT INTO admin_alarm (id, status, title, internal_name, domain_id, closed) VALUES (2, 2, 'two has no MX', 'domain_has_no_mx', (SELECT id FROM admin_domain WHERE name = 'two.test'), CURRENT_TIMESTAMP)")
	v := w.visitor("root")
	v.wants(v.get("/"), http.StatusOK, `href="/alarms"`, "3 open")
	v.wants(v.get("/live.json"), http.StatusOK, `"alarms":{"text":"3 open","tone":"bad"}`)
	v.wants(v.get("/alarms"), http.StatusOK, "ann is full", "the database &lt;is&gt; down", "!two has no MX", `href="/alarms/-3"`, "Closed ones too")
	v.wants(v.get("/alarms?state=all&domain=two.test"), http.StatusOK, "two has no MX", "!ann is full", "Open ones only")
	v.wants(v.get("/alarms?q=FULL"), http.StatusOK, "ann is full", "!database")
	v.wants(v.get("/alarms/1"), http.StatusOK, "ann@one.test", "more of it", "Close the alarm")
	v.wants(v.get("/alarms/2"), http.StatusOK, "Was open for", "!Close the alarm")
	v.wants(v.get("/alarms/-3"), http.StatusOK, "connection refused", "this host")
	for _, path := range []string{"/alarms/0", "/alarms/x", "/alarms/99", "/alarms/-4"} {
		v.wants(v.get(path), http.StatusNotFound)
	}
	v.wants(v.get("/domains/"+w.id("admin_domain", "name", "one.test")), http.StatusOK, "Open alarms", "ann is full")
	v.wants(v.get("/domains/"+w.id("admin_domain", "name", "two.test")), http.StatusOK, "!Open alarms")

	adm := w.visitor("adm@one.test")
	adm.wants(adm.get("/"), http.StatusOK, "1 open")
	adm.wants(adm.get("/alarms?state=all"), http.StatusOK, "ann is full", "!two has no MX", "!database")
	adm.wants(adm.get("/alarms/2"), http.StatusNotFound)
	adm.wants(adm.post("/alarms/-3"), http.StatusNotFound)
	adm.wants(adm.post("/alarms/1"), http.StatusSeeOther)
	adm.wants(adm.get("/alarms"), http.StatusOK, "Closed: ann is full", "There are no alarms.")
	adm.wants(adm.get("/"), http.StatusOK, "none")
	ann := w.visitor("ann@one.test")
	ann.wants(ann.get("/alarms"), http.StatusNotFound)
	ann.wants(ann.get("/alarms/1"), http.StatusNotFound)

	v.wants(v.post("/alarms/-3"), http.StatusSeeOther)
	if shut != -3 || looked != 1 {
		t.Errorf("closed %d, looked %d times", shut, looked)
	}
	w.quiet()
}

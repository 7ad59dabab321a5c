package page

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/vmapd/vmapd/admin/manage"
)

// overviewPage is the first page: of a super administrator how the daemon does,
// of other administrators how full their domains are.
type overviewPage struct {
	Live    *liveView // nil: not for him
	Chart   *chart
	Domains *table // of a domain administrator
	Alarms  *badge // of a domain administrator
	More    string // where the other domains are
}

func (*overviewPage) template() string { return "overview" }
func (*overviewPage) title() string    { return "Overview" }

// liveView is what changes on the overview while somebody looks at it. The
// names are those of JSON, and of what the module finds them by in the page.
type liveView struct {
	State     badge   `json:"state"`
	Reason    string  `json:"reason"`
	Age       string  `json:"age"`
	Snapshot  string  `json:"snapshot"`
	Database  badge   `json:"database"`
	Name      string  `json:"name"`
	Following string  `json:"following"`
	Error     string  `json:"error"`
	Spool     badge   `json:"spool"`
	SpoolText string  `json:"spooltext"`
	Keys      badge   `json:"keys"`
	Problems  badge   `json:"problems"`
	Alarms    badge   `json:"alarms"`
	Uptime    string  `json:"uptime"`
	Rows      []Count `json:"-"`
}

// overview shows the first page. Who administrates nothing sees his account.
func (p *page) overview(v *visit) error {
	if !v.caller.Administrates() {
		http.Redirect(v.w, v.r, "/me", http.StatusSeeOther)
		return nil
	}
	b := &overviewPage{}
	if v.caller.Super() {
		live := p.o.Live()
		b.Live, b.Chart = newLiveView(&live), newChart(live.Rates)
		return v.show(http.StatusOK, b)
	}
	k := domains()
	a := askedOf(v.r)
	a.path = k.path
	err := v.read(func(t *manage.Tx) error {
		found, err := k.list(t, manage.Query{Limit: 20})
		b.Domains = &table{Caption: "Domains", Columns: k.columns, Rows: k.rows(found.Items), Empty: "You administrate no domain yet."}
		b.Domains.label()
		if found.Total > len(found.Items) {
			b.More = "all " + strconv.Itoa(found.Total) + " domains"
		}
		if err != nil {
			return err
		}
		open, err := t.OpenAlarms("", p.local())
		count := alarmCount(open)
		b.Alarms = &count
		return err
	})
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, b)
}

func newLiveView(l *Live) *liveView {
	v := &liveView{
		State: badge{"ready", "good"}, Reason: l.Reason, Uptime: since(l.Uptime), Name: l.Database, Error: l.Error, Rows: l.Rows,
		Database: badge{"up", "good"}, Following: "changes are followed", Spool: badge{"empty", "good"}, SpoolText: "everything reported is in the database",
		Keys: badge{number(int64(l.KeysRight)) + " of " + number(int64(l.Keys)) + " found", ""}, Problems: badge{"none", "good"}, Alarms: alarmCount(l.Alarms), Age: "no data", Snapshot: "nothing is served yet",
	}
	if !l.Ready {
		v.State = badge{"not ready", "bad"}
	}
	if l.Served {
		v.Age, v.Snapshot = since(l.Age), "generation "+strconv.FormatUint(l.Generation, 10)
		if l.Stored {
			v.Snapshot += ", from the disk"
		}
	}
	if !l.Up {
		v.Database = badge{"down", "bad"}
	}
	if !l.Following {
		v.Following = "everything is read again and again"
	}
	switch {
	case l.SpoolError != "":
		v.Spool, v.SpoolText = badge{number(int64(l.SpoolPending)) + " waiting", "bad"}, l.SpoolError
	case l.SpoolDead > 0:
		v.Spool, v.SpoolText = badge{number(int64(l.SpoolDead)) + " refused", "warn"}, number(int64(l.SpoolPending))+" waiting"
	case l.SpoolPending > 0:
		v.Spool, v.SpoolText = badge{number(int64(l.SpoolPending)) + " waiting", ""}, "on their way to the database"
	}
	switch {
	case l.Keys == 0:
		v.Keys.Text = "no keys"
	case l.KeysWrong > 0:
		v.Keys = badge{number(int64(l.KeysWrong)) + " not found", "bad"}
	case l.KeysRight == l.Keys:
		v.Keys.Tone = "good"
	}
	if l.Problems > 0 {
		v.Problems = badge{number(int64(l.Problems)), "warn"}
	}
	return v
}

// liveJSON is what the module asks for every few seconds: words and paths as
// they stand in the page, made in one place.
func (p *page) liveJSON(v *visit) error {
	live := p.o.Live()
	answer := struct {
		Live  *liveView `json:"live"`
		Chart *chart    `json:"chart"`
	}{newLiveView(&live), newChart(live.Rates)}
	v.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(v.w).Encode(answer)
}

package page

import (
	"errors"
	"net/http"

	"github.com/vmapd/vmapd/admin/manage"
)

// healthPage tells what is wrong, with remedies.
type healthPage struct {
	Findings []findingView
	Checked  bool // somebody looked
	Error    string
	Live     *liveView
}

func (*healthPage) template() string { return "health" }
func (*healthPage) title() string    { return "Health" }

type findingView struct {
	Finding
	Badge badge
}

// health has the doctor look.
func (p *page) health(v *visit) error {
	live := p.o.Live()
	b := &healthPage{Live: newLiveView(&live), Checked: p.o.Doctor != nil}
	if !b.Checked {
		return v.show(http.StatusOK, b)
	}
	list, err := p.o.Doctor(v.r.Context())
	switch {
	case errors.Is(err, ErrNoData):
		b.Error = "The database has not been read yet."
	case err != nil:
		v.report(err)
		b.Error = "Not everything could be looked at; the log of vmapd tells more."
	}
	for _, f := range list {
		tone := map[string]string{"error": "bad", "warning": "warn"}[f.Level]
		b.Findings = append(b.Findings, findingView{f, badge{f.Level, tone}})
	}
	return v.show(http.StatusOK, b)
}

// logPage is the audit log.
type logPage struct {
	Query string
	Table *table
	Pager pager
}

func (*logPage) template() string { return "log" }
func (*logPage) title() string    { return "Audit log" }

func (p *page) log(v *visit) error {
	a := askedOf(v.r)
	a.Sort, a.Desc = "", false // the newest first
	var found manage.Page[manage.LogEntry]
	err := v.read(func(t *manage.Tx) (err error) {
		found, err = t.Log(a.Query)
		return err
	})
	if err != nil {
		return err
	}
	b := &logPage{Query: a.Search, Pager: a.pager(len(found.Items), found.Total), Table: &table{
		Caption: "Audit log", Empty: "Nothing was done yet.",
		Columns: []column{{Label: "When"}, {Label: "What"}, {Label: "Level"}},
	}}
	for _, e := range found.Items {
		tone := map[string]string{"error": "bad", "critical": "bad", "warning": "warn"}[e.Level]
		b.Table.Rows = append(b.Table.Rows, []cell{plain(when(e.At)), plain(e.Message), state(e.Level, tone)})
	}
	b.Table.label()
	return v.show(http.StatusOK, b)
}

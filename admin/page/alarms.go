package page

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// alarmsPage lists alarms.
type alarmsPage struct {
	Query, Domain, State string
	Table                *table
	Pager                pager
	Other                link // the other alarms
}

func (*alarmsPage) template() string { return "alarms" }
func (*alarmsPage) title() string    { return "Alarms" }

// local are the alarms that the database does not have.
func (p *page) local() []manage.Alarm {
	if p.o.Alarms == nil {
		return nil
	}
	return p.o.Alarms.List()
}

// alarms lists the open ones, or with state=all those that were closed too.
func (p *page) alarms(v *visit) error {
	a := askedOf(v.r)
	a.Query.Sort, a.Query.Desc = "", false // the newest first
	b := &alarmsPage{Query: a.Search, Domain: a.Domain, State: v.r.URL.Query().Get("state")}
	b.Other = link{Text: "Closed ones too", Href: "/alarms?" + alarmQuery(a.Search, a.Domain, "all")}
	if b.State == "all" {
		a.values.Set("state", "all")
		b.Other = link{Text: "Open ones only", Href: "/alarms?" + alarmQuery(a.Search, a.Domain, "")}
	} else {
		b.State, a.Active = "", manage.Some(true)
	}
	var found manage.Page[manage.Alarm]
	err := v.read(func(t *manage.Tx) (err error) {
		found, err = t.Alarms(a.Query, p.local())
		return err
	})
	if err != nil {
		return err
	}
	b.Table, b.Pager = alarmTable(found.Items), a.pager(len(found.Items), found.Total)
	return v.show(http.StatusOK, b)
}

func alarmQuery(search, domain, state string) string {
	v := url.Values{}
	for name, text := range map[string]string{"q": search, "domain": domain, "state": state} {
		if text != "" {
			v.Set(name, text)
		}
	}
	return v.Encode()
}

// alarmTable is a table of alarms; each leads to its page.
func alarmTable(all []manage.Alarm) *table {
	t := &table{Caption: "Alarms", Empty: "There are no alarms.", Columns: []column{{Label: "Alarm"}, {Label: "State"}, {Label: "About"}, {Label: "Since"}}}
	for i := range all {
		a := &all[i]
		t.Rows = append(t.Rows, []cell{leads(a.Title, alarmPath(a)), {Badge: alarmState(a)}, plain(alarmSubject(a)), plain(when(a.Created))})
	}
	return t.label()
}

func alarmPath(a *manage.Alarm) string { return "/alarms/" + strconv.FormatInt(a.ID, 10) }

func alarmState(a *manage.Alarm) *badge {
	if a.Open {
		return &badge{"open", "bad"}
	}
	return &badge{"closed", ""}
}

func alarmSubject(a *manage.Alarm) string {
	switch {
	case a.Mailbox != "":
		return a.Mailbox
	case a.Domain != "":
		return a.Domain
	}
	return "this host"
}

// alarm shows one; posted, it closes it.
func (p *page) alarm(v *visit) error {
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return errNoPage
	}
	var a *manage.Alarm
	err = v.read(func(t *manage.Tx) error {
		a, err = t.Alarm(id, p.local())
		return err
	})
	if err != nil {
		return err
	}
	if v.r.Method == http.MethodPost {
		return p.closeAlarm(v, a)
	}
	if p.o.Alarms != nil && a.Detail == "" {
		a.Detail = p.o.Alarms.Details([]int64{id})[id]
	}
	b := &objectPage{Title: a.Title, Up: link{Text: "Alarms", Href: "/alarms"}, About: aboutAlarm(a)}
	if a.Open {
		b.Form = &form{
			Action: alarmPath(a), Submit: "Close the alarm", Cancel: "/alarms",
			Note: "It closes by itself when all is well. Closed by hand, it is not opened again before all was well in between.",
		}
	}
	return v.show(http.StatusOK, b)
}

func aboutAlarm(a *manage.Alarm) *about {
	b := &about{Facts: []fact{{"State", alarmState(a).Text}, {"About", alarmSubject(a)}, {"Kind", a.Kind}, {"Opened", when(a.Created)}}}
	if a.Closed != nil {
		b.Facts = append(b.Facts, fact{"Closed", when(*a.Closed)}, fact{"Was open for", since(a.Closed.Sub(a.Created).Truncate(time.Second))})
	}
	if a.Detail != "" {
		b.Facts = append(b.Facts, fact{"More", a.Detail})
	}
	if a.DomainID != 0 {
		b.Links = append(b.Links, link{Text: a.Domain, Href: "/domains/" + strconv.FormatInt(a.DomainID, 10)})
	}
	return b
}

func (p *page) closeAlarm(v *visit, a *manage.Alarm) error {
	switch {
	case a.ID < 0:
		p.o.Alarms.Close(a.ID)
	default:
		if err := v.write(func(t *manage.Tx) error { _, err := t.CloseAlarm(a.ID); return err }); err != nil {
			return err
		}
		if p.o.Alarms != nil {
			p.o.Alarms.Closed()
		}
	}
	return v.to("/alarms", "Closed: %s", strings.TrimSpace(a.Title))
}

// domainAlarms are the open alarms of a domain, on its page; nil if there are
// none.
func (p *page) domainAlarms(t *manage.Tx, domain string) (*table, error) {
	found, err := t.Alarms(manage.Query{Domain: domain, Active: manage.Some(true), Limit: 20}, p.local())
	if err != nil || found.Total == 0 {
		return nil, err
	}
	list := alarmTable(found.Items)
	list.Caption = "Open alarms"
	return list, nil
}

// alarmCount is a badge of how many alarms are open.
func alarmCount(n int) badge {
	if n == 0 {
		return badge{"none", "good"}
	}
	return badge{number(int64(n)) + " open", "bad"}
}

package api

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// alarm is an alarm, as Modoboa's second API shows it, and more.
type alarm struct {
	ID      int64         `json:"id"` // negative: the database does not have it
	Domain  *alarmDomain  `json:"domain"`
	Mailbox *alarmMailbox `json:"mailbox"`
	Created time.Time     `json:"created"`
	Closed  *time.Time    `json:"closed"`
	Status  int           `json:"status"` // 1 = open, 2 = closed
	Title   string        `json:"title"`
	Detail  string        `json:"detail"`
	Kind    string        `json:"internal_name"`
}

type alarmDomain struct {
	PK   int64  `json:"pk"` // 0 = not known
	Name string `json:"name"`
}

type alarmMailbox struct {
	PK      int64  `json:"pk"`
	Address string `json:"address"`
}

func newAlarm(a *manage.Alarm) alarm {
	out := alarm{ID: a.ID, Created: a.Created.UTC(), Status: 2, Title: a.Title, Detail: a.Detail, Kind: a.Kind}
	if a.Open {
		out.Status = 1
	}
	if a.Domain != "" {
		out.Domain = &alarmDomain{a.DomainID, a.Domain}
	}
	if a.Mailbox != "" {
		out.Mailbox = &alarmMailbox{a.MailboxID, a.Mailbox}
	}
	if a.Closed != nil {
		at := a.Closed.UTC()
		out.Closed = &at
	}
	return out
}

// local are the alarms that the database does not have.
func (c *call) local() []manage.Alarm {
	if c.o.Alarms == nil {
		return nil
	}
	return c.o.Alarms.List()
}

func listAlarms(c *call) (*answer, error) {
	q, p, err := c.list("")
	if err != nil {
		return nil, err
	}
	o := c.params("status", "kind")
	q.Type = o.text("kind").Value
	switch s := o.choice("status", "open", "closed", "1", "2"); {
	case s.Value == "open", s.Value == "1":
		q.Active = manage.Some(true)
	case s.Set:
		q.Active = manage.Some(false)
	}
	if err := o.err(); err != nil {
		return nil, err
	}
	var all manage.Page[manage.Alarm]
	local := c.local()
	err = c.o.Manager().Read(c.ctx, c.caller, func(t *manage.Tx) error {
		all, err = t.Alarms(q, local)
		return err
	})
	incomplete := false
	var away *db.ConnectError
	if errors.As(err, &away) && c.caller.Super() && c.o.Alarms != nil { // one of them says so
		first := q.Only(local)
		from := min(q.Offset, len(first))
		all = manage.Page[manage.Alarm]{Items: first[from:min(from+q.Limit, len(first))], Total: len(first)}
		incomplete, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	c.detail(all.Items)
	a, err := listed(c, p, all.Items, all.Total, func(a *manage.Alarm) any { return newAlarm(a) })
	if err == nil && incomplete {
		a.set("X-Incomplete", "the database is not available")
	}
	return a, err
}

// detail adds what is known of rows of the database.
func (c *call) detail(all []manage.Alarm) {
	if c.o.Alarms == nil {
		return
	}
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	known := c.o.Alarms.Details(ids)
	for i := range all {
		if text, ok := known[all[i].ID]; ok {
			all[i].Detail = text
		}
	}
}

// closeAlarm closes an alarm of the database, or one that it does not have.
func closeAlarm(c *call) (*answer, error) {
	id, err := strconv.ParseInt(c.path("pk"), 10, 64)
	if err != nil || id == 0 || id > maxInt || id < -maxInt {
		return nil, refuse(http.StatusNotFound, "Not found.")
	}
	var a *manage.Alarm
	if id > 0 {
		err = c.o.Manager().Write(c.ctx, c.caller, func(t *manage.Tx) error {
			a, err = t.CloseAlarm(id)
			return err
		})
		if err == nil && c.o.Alarms != nil {
			c.o.Alarms.Closed()
		}
	} else {
		a, err = c.closeLocal(id)
	}
	if err != nil {
		return nil, err
	}
	return ok(newAlarm(a)), nil
}

func (c *call) closeLocal(id int64) (a *manage.Alarm, err error) {
	err = c.o.Manager().Read(c.ctx, c.caller, func(t *manage.Tx) error {
		a, err = t.Alarm(id, c.local())
		return err
	})
	if err != nil {
		return nil, err
	}
	if a.Open && c.o.Alarms.Close(id) {
		now := c.o.Now().UTC()
		a.Open, a.Closed = false, &now
	}
	return a, nil
}

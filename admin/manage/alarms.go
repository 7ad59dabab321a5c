package manage

import (
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Status of a row of admin_alarm (modoboa/admin/constants.py).
const (
	alarmOpen   = 1
	alarmClosed = 2
)

// LocalAlarms are those that the database does not have, and what is known of the
// others.
type LocalAlarms struct {
	// List lists them, the newest first, with negative numbers.
	List func() []Alarm
	// Close closes one of them, and reports whether it was there and open.
	Close func(id int64) bool
	// Details tells more of rows of the database, by their numbers.
	Details func(ids []int64) map[int64]string
	// Closed is told that a row of the database was closed.
	Closed func()
}

// alarmColumns select an alarm; the tables are those of alarmTables.
const (
	alarmTables = ` FROM admin_alarm a LEFT JOIN admin_domain d ON d.id = a.domain_id
		LEFT JOIN admin_mailbox m ON m.id = a.mailbox_id LEFT JOIN admin_domain md ON md.id = m.domain_id WHERE `
	alarmNames = "a.id, a.internal_name, a.title, a.status, a.domain_id, coalesce(d.name, ''), a.mailbox_id, coalesce(m.address, ''), coalesce(md.name, '')"
)

// Alarms lists alarms, the newest first unless the query sorts otherwise: those
// of the database that the caller may see, and before them those of local, which
// the database does not have, if he may see them.
//
// Administrators see the alarms of their domains, super administrators all.
// Query.Active is whether they are open, Query.Type a kind.
func (t *Tx) Alarms(q Query, local []Alarm) (Page[Alarm], error) {
	var p Page[Alarm]
	if !t.caller.Administrates() {
		return p, denied("You do not have permission to perform this action.")
	}
	first, err := t.visibleAlarms(q, local)
	if err != nil {
		return p, err
	}
	p.Total = len(first)
	limit := q.Limit
	if limit <= 0 || limit > MaxList {
		limit = MaxList
	}
	first = first[min(max(q.Offset, 0), len(first)):]
	p.Items = append(p.Items, first[:min(limit, len(first))]...)
	if len(t.tables["admin_alarm"]) == 0 {
		return p, nil
	}
	where, args := t.alarmWhere(q)
	n, err := t.count("SELECT count(*)"+alarmTables+where, args...)
	if err != nil {
		return p, err
	}
	q.Offset, q.Limit = max(0, q.Offset-p.Total), limit-len(p.Items)
	p.Total += int(n)
	if q.Limit == 0 {
		return p, nil
	}
	if q.Sort == "" {
		q.Sort, q.Desc = "created", true
	}
	order := q.page(map[string]string{"created": "a.created", "id": "a.id", "name": "a.title", "enabled": "a.status"}, "a.created", "a.id DESC")
	err = t.each(t.alarmSelect()+where+order, args, func(r *sql.Rows) error {
		a, err := scanAlarm(r)
		p.Items = append(p.Items, a)
		return err
	})
	return p, err
}

func (t *Tx) alarmSelect() string {
	return "SELECT " + alarmNames + ", " + t.timeText("admin_alarm", "a", "created") + ", " + t.timeText("admin_alarm", "a", "closed") + alarmTables
}

func scanAlarm(r interface{ Scan(...any) error }) (a Alarm, err error) {
	var status int
	var domain, mailbox sql.NullInt64
	var local, within string
	var created, closed sql.NullString
	err = r.Scan(&a.ID, &a.Kind, &a.Title, &status, &domain, &a.Domain, &mailbox, &local, &within, &created, &closed)
	a.DomainID, a.MailboxID, a.Open, a.Created = domain.Int64, mailbox.Int64, status == alarmOpen, timeOf(created)
	if mailbox.Valid {
		a.Mailbox = local + "@" + within
	}
	if at := timeOf(closed); closed.Valid && !at.IsZero() {
		a.Closed = &at
	}
	return a, err
}

// alarmWhere is the condition of a list.
func (t *Tx) alarmWhere(q Query) (string, []any) {
	where, args := "1 = 1", []any{}
	add := func(condition string, more ...any) { where, args = where+" AND "+condition, append(args, more...) }
	if !t.caller.Super() {
		add(t.visible(DomainObject, "a.domain_id"))
	}
	if q.Domain != "" {
		add("lower(d.name) = ?", strings.ToLower(q.Domain))
	}
	if q.Search != "" {
		add("lower(a.title) LIKE ? ESCAPE '!'", like(q.Search))
	}
	if q.Type != "" {
		add("a.internal_name = ?", q.Type)
	}
	if q.Active.Set && q.Active.Value {
		add("a.status = ?", alarmOpen)
	} else if q.Active.Set {
		add("a.status <> ?", alarmOpen)
	}
	return where, args
}

// visibleAlarms leaves of alarms that the database does not have those that are
// asked for and that the caller may see.
func (t *Tx) visibleAlarms(q Query, local []Alarm) ([]Alarm, error) {
	if len(local) == 0 {
		return nil, nil
	}
	mine, err := t.seenDomains()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(local), func(a Alarm) bool {
		return !t.caller.Super() && !mine[strings.ToLower(a.Domain)] || !q.wants(&a)
	}), nil
}

// Only returns those of alarms that a query asks for, whoever asks.
func (q *Query) Only(all []Alarm) []Alarm {
	return slices.DeleteFunc(slices.Clone(all), func(a Alarm) bool { return !q.wants(&a) })
}

func (q *Query) wants(a *Alarm) bool {
	return (q.Domain == "" || strings.EqualFold(q.Domain, a.Domain)) && (q.Type == "" || q.Type == a.Kind) &&
		(!q.Active.Set || q.Active.Value == a.Open) && strings.Contains(strings.ToLower(a.Title), strings.ToLower(strings.TrimSpace(q.Search)))
}

// seenDomains are the names of the domains that the caller sees; nil for super
// administrators, who see all.
func (t *Tx) seenDomains() (map[string]bool, error) {
	if t.caller.Super() {
		return nil, nil
	}
	seen := map[string]bool{}
	err := t.each("SELECT d.name FROM admin_domain d WHERE "+t.visible(DomainObject, "d.id"), nil, func(r *sql.Rows) error {
		var name string
		err := r.Scan(&name)
		seen[strings.ToLower(name)] = true
		return err
	})
	return seen, err
}

// Alarm returns an alarm of the database, or of local if its number is negative.
func (t *Tx) Alarm(id int64, local []Alarm) (*Alarm, error) {
	if !t.caller.Administrates() {
		return nil, denied("You do not have permission to perform this action.")
	}
	if id < 0 {
		first, err := t.visibleAlarms(Query{}, local)
		for _, a := range first {
			if a.ID == id {
				return &a, nil
			}
		}
		if err == nil {
			err = notFound("There is no such alarm.")
		}
		return nil, err
	}
	if len(t.tables["admin_alarm"]) == 0 {
		return nil, notFound("There is no such alarm.")
	}
	where, args := t.alarmWhere(Query{})
	var a *Alarm
	err := t.each(t.alarmSelect()+where+" AND a.id = ?", append(args, id), func(r *sql.Rows) error {
		found, err := scanAlarm(r)
		a = &found
		return err
	})
	if err == nil && a == nil {
		err = notFound("There is no such alarm.")
	}
	return a, err
}

// CloseAlarm closes an alarm of the database; one that is closed stays as it is.
func (t *Tx) CloseAlarm(id int64) (*Alarm, error) {
	a, err := t.Alarm(id, nil)
	if err != nil || !a.Open {
		return a, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	if _, err := t.exec("UPDATE admin_alarm SET status = ?, closed = ? WHERE id = ?", alarmClosed, t.db.Time(now), id); err != nil {
		return nil, err
	}
	a.Open, a.Closed = false, &now
	return a, t.log("Alarm '%s' closed", a.Title)
}

// OpenAlarms counts the alarms that are open and that the caller may see; those
// of a domain if one is named.
func (t *Tx) OpenAlarms(domain string, local []Alarm) (int, error) {
	p, err := t.Alarms(Query{Domain: domain, Active: Some(true), Limit: 1}, local)
	return p.Total, err
}

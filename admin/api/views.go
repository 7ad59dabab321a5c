package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// errAbsent is the answer of a part that is not there.
var errAbsent = &refusal{status: http.StatusNotFound, text: "This part is not there: the daemon does not run, or was built without it."}

// errUnseen is the answer about addresses that are not the caller's.
var errUnseen = &refusal{status: http.StatusNotFound, text: "There is no such address or domain that you may ask about."}

// unavailable is an answer that will be another one in a while.
func unavailable(err error) error {
	return refuse(http.StatusServiceUnavailable, "It cannot be said now: %v.", err).with("Retry-After", "2")
}

// mayAsk is an error unless the caller may ask what becomes of an address, login
// or domain: super administrators about all, others about what is in domains that
// they see, users about themselves.
func (c *call) mayAsk(about string) error {
	if c.caller.Super() {
		return nil
	}
	name := store.Fold(about)
	if name == store.Fold(c.caller.Name) {
		return nil
	}
	if strings.Count(name, "@") > 1 { // somebody else's, behind the name of a master user
		return errUnseen
	}
	domain := name[strings.LastIndex(name, "@")+1:]
	return c.o.Manager().Read(c.ctx, c.caller, func(t *manage.Tx) error {
		if !c.caller.Administrates() {
			a, err := t.Account(c.caller.ID)
			if err == nil && (a.Mailbox == nil || store.Fold(a.Mailbox.Address) != name) {
				err = errUnseen
			}
			return err
		}
		_, err := t.DomainByName(domain)
		var e *manage.Error
		if errors.As(err, &e) && e.Kind == manage.NotFound {
			_, err = domainAliasByName(t, domain)
			var none *refusal
			if errors.As(err, &none) {
				err = errUnseen
			}
		}
		return err
	})
}

// lookedUp is what Postfix would be told.
type lookedUp struct {
	Table string `json:"table"`
	Key   string `json:"key"`
	Found bool   `json:"found"`
	Value string `json:"value"`
}

func lookUp(c *call) (*answer, error) {
	o := c.params("table", "key")
	o.require("table", "key")
	table, key := o.text("table").Value, o.text("key").Value
	if err := o.err(); err != nil {
		return nil, err
	}
	t, known := lookup.FindTable(table)
	if !known {
		return nil, badField("table", "There is no table %q.", table)
	}
	if c.o.Lookup == nil {
		return nil, errAbsent
	}
	if err := c.mayAsk(key); err != nil {
		return nil, err
	}
	value, found, err := c.o.Lookup(c.ctx, t.Name, key)
	if err != nil {
		return nil, unavailable(err)
	}
	if t.Name == "sender-login" && !c.caller.Super() {
		value, err = c.ownLogins(value)
	}
	return ok(lookedUp{t.Name, key, found, value}), err
}

// ownLogins leaves of those who may send as an address the ones that the caller
// may know of.
func (c *call) ownLogins(value string) (string, error) {
	var own []string
	for login := range strings.SplitSeq(value, ",") {
		switch err := c.mayAsk(login); {
		case err == nil:
			own = append(own, login)
		case !errors.Is(err, errUnseen):
			return "", err
		}
	}
	return strings.Join(own, ","), nil
}

func explain(c *call) (*answer, error) {
	o := c.params("address", "login", "service")
	address, login, service := o.text("address"), o.text("login"), o.text("service")
	if address.Set == login.Set {
		o.fail("non_field_errors", "Want either address or login.")
	}
	if err := o.err(); err != nil {
		return nil, err
	}
	if c.o.Explain == nil {
		return nil, errAbsent
	}
	if err := c.mayAsk(address.Or(login.Value)); err != nil {
		return nil, err
	}
	var x *lookup.Explanation
	var err error
	if login.Set {
		x, err = c.o.ExplainLogin(c.ctx, login.Value, service.Value)
	} else {
		x, err = c.o.Explain(c.ctx, address.Value, c.may())
	}
	if err != nil {
		return nil, unavailable(err)
	}
	return ok(x), nil
}

// may says where an explanation ends for the caller: what becomes of mail in
// domains that are not his, or at addresses of others for somebody who
// administrates none, is not his business. Nil is "nowhere".
func (c *call) may() func(domain string) bool {
	if c.caller.Super() {
		return nil
	}
	known := map[string]bool{}
	return func(domain string) bool {
		yes, asked := known[domain]
		if !asked {
			yes = c.caller.Administrates() && c.mayAsk("@"+domain) == nil
			known[domain] = yes
		}
		return yes
	}
}

func status(c *call) (*answer, error) {
	if c.o.Status == nil {
		return nil, errAbsent
	}
	brief, full := c.o.Status()
	if c.caller.Super() {
		return ok(full), nil
	}
	return ok(brief), nil
}

func doctor(c *call) (*answer, error) {
	if c.o.Doctor == nil {
		return nil, errAbsent
	}
	found, err := c.o.Doctor(c.ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return ok(found), nil
}

// logEntry is a line of the log of what administrators did.
type logEntry struct {
	PK      int64     `json:"pk"`
	At      time.Time `json:"date_created"`
	Message string    `json:"message"`
	Level   string    `json:"level"`
	Logger  string    `json:"logger"`
}

func listLog(c *call) (step, error) {
	q, p, err := c.list("created")
	if c.query.Get("ordering") == "" {
		q.Desc = true
	}
	o := c.params("level")
	q.Level = o.text("level").Value
	if err == nil {
		err = o.err()
	}
	return func(t *manage.Tx) (*answer, error) {
		all, err := t.Log(q)
		if err != nil {
			return nil, err
		}
		return listed(c, p, all.Items, all.Total, func(e *manage.LogEntry) any { return logEntry{e.ID, e.At.UTC(), e.Message, e.Level, e.Logger} })
	}, err
}

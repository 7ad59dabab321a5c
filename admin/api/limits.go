package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store"
)

// Limits are what accounts and domains may send. A name is that of an account, by
// its login or the address of its mailbox, or of a domain; it is folded. The
// error ErrNoData says that nobody can tell now.
type Limits struct {
	// List returns those of whom something is known whose domain passes may, in
	// order: accounts, then domains. The domain of an account can be "".
	List func(may func(domain string) bool) ([]Sending, error)
	// Of returns one; ok is false if nothing is known by that name.
	Of func(name string) (s Sending, ok bool, err error)
	// Release ends a suspension, and reports whether there was one.
	Release func(s *Sending) bool
	// Reset forgets what was counted.
	Reset func(s *Sending)
	// Suspend forbids all sending until a time, zero for until it is released.
	Suspend func(s *Sending, until time.Time, why string)
}

// ErrNoData says that what is asked for is not known yet.
var ErrNoData = errors.New("the data is not there yet")

// Sending is how an account or a domain stands with its limits.
type Sending struct {
	Name      string         `json:"name"`
	Kind      string         `json:"kind"`   // account or domain
	Domain    string         `json:"domain"` // "" if an account has none
	Limits    []SendingLimit `json:"limits"`
	Suspended *Suspension    `json:"suspended"` // null: it may send
}

// SendingLimit is one limit.
type SendingLimit struct {
	Unit   string     `json:"unit"`   // recipients, messages, bytes or new-recipients
	Window string     `json:"window"` // day, or a duration such as 1h
	Max    int64      `json:"max"`
	Used   int64      `json:"used"`
	Free   *time.Time `json:"free"` // when some of it gets free again, null if nothing is used
}

// Suspension says that somebody may not send.
type Suspension struct {
	Since     time.Time  `json:"since"`
	Until     *time.Time `json:"until"` // null: until it is released
	Why       string     `json:"why"`
	Automatic bool       `json:"automatic"`
}

func limitRoutes() []Route {
	return []Route{
		{get, base + "limits/", "listLimits", administrators, nil, listLimits},
		{get, base + "limits/{name}/", "getLimits", everyone, nil, getLimits},
		{post, base + "limits/{name}/release/", "releaseSender", administrators, nil, releaseSender},
		{post, base + "limits/{name}/reset/", "resetSender", administrators, nil, resetSender},
		{post, base + "limits/{name}/suspend/", "suspendSender", administrators, nil, suspendSender},
	}
}

// listLimits lists those in domains that the caller sees; super administrators
// see all.
func listLimits(c *call) (*answer, error) {
	p, err := c.page()
	o := c.params("search", "suspended")
	search, only := store.Fold(o.text("search").Value), o.flag("suspended").Value
	if err == nil {
		err = o.err()
	}
	switch {
	case err != nil:
		return nil, err
	case c.o.Limits == nil:
		return nil, errAbsent
	}
	return c.run(func(t *manage.Tx) (*answer, error) {
		all, err := c.o.Limits.List(c.sight(t))
		if err != nil {
			return nil, unavailable(err)
		}
		var found []Sending
		for _, s := range all {
			if strings.Contains(s.Name, search) && (!only || s.Suspended != nil) {
				found = append(found, s)
			}
		}
		from := min((p.number-1)*p.size, len(found))
		part := found[from:min(from+p.size, len(found))]
		return listed(c, p, part, len(found), func(s *Sending) any { return s })
	})
}

// sight says which domains the caller sees, each asked for once.
func (c *call) sight(t *manage.Tx) func(domain string) bool {
	if c.caller.Super() {
		return func(string) bool { return true }
	}
	known := map[string]bool{"": false}
	return func(domain string) bool {
		yes, asked := known[domain]
		if !asked {
			yes = t.SeesDomain(domain)
			known[domain] = yes
		}
		return yes
	}
}

// limited finds the subject of the path, if the caller may know of it.
func (c *call) limited() (*Sending, error) {
	name := store.Fold(c.path("name"))
	switch {
	case c.o.Limits == nil:
		return nil, errAbsent
	case !cleanText(name):
		return nil, refuse(http.StatusNotFound, "Not found.")
	}
	if err := c.mayAsk(name); err != nil {
		return nil, err
	}
	s, ok, err := c.o.Limits.Of(name)
	switch {
	case err != nil:
		return nil, unavailable(err)
	case !ok:
		return nil, refuse(http.StatusNotFound, "Nothing is known by that name.")
	}
	return &s, nil
}

// limitedToChange is limited for those who may change something: what is said of a
// whole domain is for super administrators, and nobody else releases himself.
func (c *call) limitedToChange() (*Sending, error) {
	s, err := c.limited()
	if err != nil || c.caller.Super() {
		return s, err
	}
	if err := c.mayAsk(s.Name); err != nil { // the address, if the path had a login
		return nil, err
	}
	own := store.Fold(c.caller.Name)
	if s.Kind != "account" || s.Name == own || store.Fold(c.path("name")) == own {
		return nil, errForbidden
	}
	return s, nil
}

func getLimits(c *call) (*answer, error) {
	s, err := c.limited()
	if err != nil {
		return nil, err
	}
	return ok(s), nil
}

// asItIs answers with how a subject stands now.
func (c *call) asItIs(s *Sending) (*answer, error) {
	now, _, err := c.o.Limits.Of(s.Name)
	if err != nil {
		return nil, unavailable(err)
	}
	return ok(now), nil
}

func releaseSender(c *call) (*answer, error) {
	s, err := c.limitedToChange()
	if err != nil {
		return nil, err
	}
	if !c.o.Limits.Release(s) {
		return nil, refuse(http.StatusConflict, "It is not suspended.")
	}
	return c.asItIs(s)
}

func resetSender(c *call) (*answer, error) {
	s, err := c.limitedToChange()
	if err != nil {
		return nil, err
	}
	c.o.Limits.Reset(s)
	return c.asItIs(s)
}

// maxSuspension keeps times within what can be written.
const maxSuspension = 10 * 365 * 24 * time.Hour

func suspendSender(c *call) (*answer, error) {
	s, err := c.limitedToChange()
	if err != nil {
		return nil, err
	}
	o, err := c.object()
	if err != nil {
		return nil, err
	}
	var until time.Time
	if text := o.text("for").Value; text != "" {
		d, bad := time.ParseDuration(text)
		if bad != nil || d <= 0 || d > maxSuspension {
			o.fail("for", "A duration such as \"2h\" is required.")
		}
		until = c.o.Now().Add(d).Round(time.Second)
	}
	why := o.text("why").Value
	if len(why) > 200 || !cleanText(why) {
		o.fail("why", "At most 200 bytes without null characters are allowed.")
	}
	o.strict()
	if err := o.err(); err != nil {
		return nil, err
	}
	if why == "" {
		why = "suspended by " + c.caller.Name
	}
	c.o.Limits.Suspend(s, until, why)
	return c.asItIs(s)
}

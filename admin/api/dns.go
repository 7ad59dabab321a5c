package api

import (
	"context"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

// DNS are the checks of what DNS says of domains.
type DNS struct {
	// Report returns what was found last of a domain, nil if it was not checked;
	// with ask it is checked now.
	Report func(ctx context.Context, d *manage.Domain, ask bool) (any, error)
}

// domainDNS is what DNS says of a domain.
type domainDNS struct {
	PK      int64      `json:"pk"`
	Name    string     `json:"name"`
	Status  string     `json:"dns_global_status"`
	Enabled bool       `json:"enable_dns_checks"`
	Checked *time.Time `json:"last_dns_check_execution"` // null: never, or it is not known
	Report  any        `json:"report"`                   // null: it was not checked here
}

func getDNS(c *call) (*answer, error)   { return c.dns(false) }
func checkDNS(c *call) (*answer, error) { return c.dns(true) }

// dns answers about a domain that the caller sees.
func (c *call) dns(ask bool) (*answer, error) {
	id, err := c.pk("pk")
	if err != nil {
		return nil, err
	}
	if c.o.DNS == nil {
		return nil, errAbsent
	}
	d, err := c.domainOf(id)
	if err != nil {
		return nil, err
	}
	report, err := c.o.DNS.Report(c.ctx, d, ask)
	if err != nil {
		return nil, unavailable(err)
	}
	if ask { // its status may be another one now
		if d, err = c.domainOf(id); err != nil {
			return nil, err
		}
	}
	out := domainDNS{PK: d.ID, Name: d.Name, Status: d.DNSStatus, Enabled: d.EnableDNSChecks, Report: report}
	if !d.DNSChecked.IsZero() {
		at := d.DNSChecked.UTC()
		out.Checked = &at
	}
	return ok(out), nil
}

func (c *call) domainOf(id int64) (d *manage.Domain, err error) {
	err = c.o.Manager().Read(c.ctx, c.caller, func(t *manage.Tx) error {
		d, err = t.Domain(id)
		return err
	})
	return d, err
}

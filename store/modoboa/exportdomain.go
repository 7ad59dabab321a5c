package modoboa

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// readDomains notes which domains are exported, and writes those that are no
// relay domains.
func (e *exporter) readDomains() error {
	e.domains, e.lost = map[int64]*exportedDomain{}, map[int64]bool{}
	wanted := e.wanted()
	missing := maps.Clone(wanted)
	err := e.each("admin_domain", "SELECT id, name, type, enabled, quota, default_mailbox_quota FROM admin_domain ORDER BY "+e.bytewise("name"), nil, func(r *sql.Rows) error {
		var id, quota, each int64
		var name, kind string
		var enabled bool
		if err := r.Scan(&id, &name, &kind, &enabled, &quota, &each); err != nil {
			return err
		}
		name = store.Fold(name)
		delete(missing, name)
		if len(wanted) > 0 && !wanted[name] {
			return nil
		}
		e.domains[id] = &exportedDomain{name, each}
		if kind == "relaydomain" {
			return nil
		}
		return e.line("domain", name, strconv.FormatInt(quota, 10), strconv.FormatInt(each, 10), boolean(enabled))
	})
	if len(missing) > 0 && err == nil {
		return fmt.Errorf("%w: %s", ErrNoDomain, strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return err
}

// relayDomains writes the relay domains. Modoboa's own CSV import leaves
// transport_id open, so a transport belongs to the domain of its pattern.
func (e *exporter) relayDomains() error {
	query := `SELECT d.id, d.name, d.enabled, coalesce(t.next_hop, ''), coalesce(` + e.db.Text("t._settings") + `, ''),
			(SELECT count(*) FROM relaydomains_recipientaccess a WHERE a.pattern = d.name)
		FROM admin_domain d LEFT JOIN transport_transport t ON t.pattern = d.name WHERE d.type = ? ORDER BY ` + e.bytewise("d.name")
	return e.each("admin_domain", query, []any{"relaydomain"}, func(r *sql.Rows) error {
		var id, verify int64
		var name, hop, settings string
		var enabled bool
		if err := r.Scan(&id, &name, &enabled, &hop, &settings, &verify); err != nil {
			return err
		}
		if e.domains[id] == nil {
			return nil
		}
		name = store.Fold(name)
		host, port, ok := relayTarget(hop, settings)
		if !ok {
			e.warn("relaydomain %q is left out: it has no transport with a host and a port, without which no line can be written", rows.Shown(name))
			delete(e.domains, id)
			e.lost[id] = true
			return nil
		}
		return e.line("relaydomain", name, host, port, "relay", boolean(enabled), boolean(verify > 0))
	})
}

// relayTarget reads where a transport leads: from next_hop, which Postfix gets,
// else from what Modoboa's page has noted.
func relayTarget(hop, settings string) (host, port string, ok bool) {
	if h, p, err := net.SplitHostPort(hop); err == nil {
		host, port = h, p
	} else if h, cut := strings.CutPrefix(hop, "["); cut && strings.HasSuffix(h, "]") {
		host, port = strings.TrimSuffix(h, "]"), "25"
	} else {
		var s struct {
			Host string `json:"relay_target_host"`
			Port any    `json:"relay_target_port"` // a number, or in 1.10 a string
		}
		if json.Unmarshal([]byte(settings), &s) != nil {
			return "", "", false
		}
		host, port = s.Host, fmt.Sprint(s.Port)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return host, port, err == nil && n > 0 && rows.CheckHost(store.Fold(host)) == nil
}

// without warns of what is left out with its domain.
func (e *exporter) without(kind, name string, domain int64) {
	if e.lost[domain] {
		e.warn("%s %q is left out with its domain", kind, rows.Shown(name))
	}
}

func (e *exporter) domainAliases() error {
	return e.each("admin_domainalias", "SELECT name, target_id, enabled FROM admin_domainalias ORDER BY "+e.bytewise("name"), nil, func(r *sql.Rows) error {
		var name string
		var target int64
		var enabled bool
		if err := r.Scan(&name, &target, &enabled); err != nil {
			return err
		}
		d := e.domains[target]
		if d == nil {
			e.without("domainalias", name, target)
			return nil
		}
		return e.line("domainalias", store.Fold(name), d.name, boolean(enabled))
	})
}

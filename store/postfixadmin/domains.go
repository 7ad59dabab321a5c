package postfixadmin

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// ground is what is made first and in one piece, for everything else refers to
// it: domains, their other names, and who administrates them.
type ground struct {
	*importer
	set        rows.Set
	transports map[string]bool // patterns that exist
	access     map[string]bool // patterns of recipient access
	own        map[string]bool // alias domains that have mailboxes or aliases
	aliases    []aliasDomain
	isAlias    map[string]bool
}

type aliasDomain struct {
	name, target string
	row          row
}

func (i *importer) domainsAndAdmins() error {
	g := &ground{
		importer: i, set: rows.Set{AdminOf: map[*rows.User][]*rows.Domain{}, Usage: map[string]rows.Usage{}}, transports: map[string]bool{}, access: map[string]bool{},
		own: map[string]bool{}, isAlias: map[string]bool{},
	}
	for _, phase := range []func() error{g.readTarget, g.readAliasDomains, g.readDomains, g.makeAliasDomains, g.makeAdmins} {
		if err := phase(); err != nil {
			return err
		}
	}
	return i.write(&g.set)
}

// readTarget reads what stands beside relay domains, and whether quotas are in
// use in the source.
func (g *ground) readTarget() error {
	for table, into := range map[string]map[string]bool{"transport_transport": g.transports, "relaydomains_recipientaccess": g.access} {
		err := rows.Each(g.ctx, g.to, g.tx, "SELECT pattern FROM "+table, nil, func(r *sql.Rows) error {
			var s string
			err := r.Scan(&s)
			into[store.Fold(s)] = true
			return err
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", table, err)
		}
	}
	if !g.src.has("mailbox", "quota") {
		return nil
	}
	t := g.src.tables["mailbox"]
	g.inUse = g.report.Read["mailbox"] == 0
	return g.src.wrap(t, rows.Each(g.ctx, g.src.db, g.src.tx, "SELECT 1 FROM "+t.stored+" WHERE quota > 0 LIMIT 1", nil,
		func(*sql.Rows) error { g.inUse = true; return nil }))
}

// readAliasDomains reads alias_domain, and which of those domains have
// something of their own.
func (g *ground) readAliasDomains() error {
	err := g.src.pages(g.ctx, "alias_domain", func(page []row) error {
		for _, r := range page {
			a := aliasDomain{store.Fold(r["alias_domain"]), store.Fold(r["target_domain"]), r}
			g.aliases = append(g.aliases, a)
			g.isAlias[a.name] = true
		}
		return nil
	})
	if err != nil || len(g.aliases) == 0 {
		return err
	}
	for _, table := range []string{"mailbox", "alias"} {
		t := g.src.tables[table]
		if !g.src.has(table, "domain") {
			continue
		}
		query := "SELECT DISTINCT a.alias_domain FROM " + g.src.tables["alias_domain"].stored + " a JOIN " + t.stored + " t ON t.domain = a.alias_domain"
		if err := rows.Each(g.ctx, g.src.db, g.src.tx, query, nil, func(r *sql.Rows) error {
			var s string
			err := r.Scan(&s)
			g.own[store.Fold(s)] = true
			return err
		}); err != nil {
			return g.src.wrap(t, err)
		}
	}
	return nil
}

func (g *ground) readDomains() error {
	return g.src.pages(g.ctx, "domain", func(page []row) error {
		for _, r := range page {
			g.addDomain(r)
		}
		g.step(int64(len(page)))
		return nil
	})
}

// addDomain makes a domain, or notes why not.
func (g *ground) addDomain(r row) {
	name := store.Fold(r["domain"])
	if name == "all" || g.isAlias[name] && !g.own[name] {
		return // PostfixAdmin's placeholder for "all domains"; made as a domain alias
	}
	d := g.domains.ByName[name]
	g.mine[name] = true
	switch {
	case d != nil && d.ID != 0:
		g.report.Skipped["domain"]++
		return
	case d != nil:
		g.warn("domain", r["domain"], "left out: it is %q in other letters, which is there too", name)
		return
	}
	d, err := g.newDomain(name, r)
	if err != nil {
		g.lost[name] = err.Error()
		g.warn("domain", r["domain"], "left out: %v", err)
		return
	}
	g.domains.ByName[name] = d
	if d.Transport == nil {
		g.set.Domains = append(g.set.Domains, d)
		g.created("domain", name, "")
		return
	}
	g.set.AddRelayDomain(d, g.access[name])
	g.created("relaydomain", name, "relayed to "+d.Transport.NextHop())
}

func (g *ground) newDomain(name string, r row) (*rows.Domain, error) {
	if err := rows.CheckDomain(name); err != nil {
		return nil, fmt.Errorf("%q %w", rows.Shown(name), err)
	}
	if err := g.base.Tables["admin_domain"].Fits("admin_domain", "name", name); err != nil {
		return nil, err
	}
	if target, ok := g.domains.Aliases[name]; ok {
		return nil, fmt.Errorf("it is a domain alias of %q in the target: delete that first", target)
	}
	d := &rows.Domain{Name: name, Enabled: yes(r["active"]), Rest: g.dates(r)}
	if err := g.relay(d, r); err != nil {
		return nil, err
	}
	g.quotas(d, r)
	g.untold(r)
	return d, nil
}

// relay makes a relay domain of one whose mail goes to another host.
func (g *ground) relay(d *rows.Domain, r row) error {
	backup, transport := yes(r["backupmx"]), strings.TrimSpace(r["transport"])
	t, lookup, err := nextHop(transport)
	switch {
	case err != nil && backup:
		return fmt.Errorf("it is a backup MX, and its transport %q %w: import a relaydomain line with its primary MX as the host", rows.Shown(transport), err)
	case err != nil && transport != "" && strings.TrimSuffix(transport, ":") != "virtual":
		g.warn("domain", r["domain"], "its transport %q is not taken over: mail for it is delivered as for all domains", rows.Shown(transport))
		return nil
	case err != nil:
		return nil
	case g.transports[d.Name]:
		return errors.New("there is a transport for it in the target already (table transport_transport): delete that first")
	}
	if lookup {
		g.warn("domain", r["domain"], "transport %q asks for the MX of the host; a relay domain connects to the host itself, %s", rows.Shown(transport), t.NextHop())
	}
	t.Pattern = d.Name
	d.Relay, d.Transport = true, t
	return nil
}

// quotas takes over the limits in MB.
func (g *ground) quotas(d *rows.Domain, r row) {
	if d.Transport != nil {
		return
	}
	var fits bool
	if d.Quota, fits = limit(number(r["quota"])); !fits {
		g.warn("domain", r["domain"], "quota %s MB is more than Modoboa can store: it has no limit now", r["quota"])
	}
	each := number(r["maxquota"])
	if each > 0 && !g.inUse {
		g.many("domain", r["domain"], "maxquota", fmt.Sprintf("maxquota %d is not taken over, for no mailbox has a quota", each))
		return
	}
	if d.MailboxQuota, fits = limit(each); !fits {
		g.warn("domain", r["domain"], "maxquota %s MB is more than Modoboa can store: new mailboxes have no limit now", r["maxquota"])
	}
	if d.Quota > 0 && d.MailboxQuota > d.Quota {
		g.warn("domain", r["domain"], "maxquota %d MB is more than the domain has: new mailboxes get %d MB", d.MailboxQuota, d.Quota)
		d.MailboxQuota = d.Quota
	}
}

// untold warns of what Modoboa has no column for.
func (g *ground) untold(r row) {
	var lost []string
	for _, column := range []string{"aliases", "mailboxes"} {
		switch n := number(r[column]); {
		case n > 0:
			lost = append(lost, fmt.Sprintf("the limit of %d %s", n, column))
		case n < 0:
			lost = append(lost, "that it may have no "+column)
		}
	}
	if n := number(r["password_expiry"]); n > 0 {
		lost = append(lost, fmt.Sprintf("that passwords expire after %d days", n))
	}
	if s := strings.TrimSpace(r["description"]); s != "" {
		lost = append(lost, fmt.Sprintf("the description %q", rows.Shown(s)))
	}
	if len(lost) > 0 {
		g.warn("domain", r["domain"], "not taken over: %s", strings.Join(lost, ", "))
	}
}

// dates are the columns of when a row was made and changed.
func (i *importer) dates(r row) rows.Columns {
	out := rows.Columns{}
	if t, ok := moment(r["created"]); ok {
		out["creation"] = i.to.Time(t)
	}
	if t, ok := moment(r["modified"]); ok {
		out["last_modification"] = i.to.Time(t)
	}
	return out
}

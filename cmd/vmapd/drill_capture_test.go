package main_test

import (
	"strings"
	"time"
)

// captureDrills spoil the log of changes under a running daemon. SQLite's
// triggers let nobody write when the log is gone: there it cannot be missed.
func captureDrills(all string) []failureDrill {
	return []failureDrill{
		{"log of changes emptied", all, "", func(g *stage) { g.spoilt(g.emptyLog) }},
		{"log of changes dropped", "postgres mariadb", "", func(g *stage) { g.spoilt(func() { g.exec(g.T, g.url, "drop table vmapd_change") }) }},
		{"triggers removed", all, "postgres sqlite", func(g *stage) { g.spoilt(func() { g.capture(g.T, g.url, "remove-triggers") }) }},
		{"a trigger dropped by hand", all, "", func(g *stage) { g.spoilt(g.dropTrigger) }},
	}
}

// spoilt takes away what changes are followed by. They must be served all the
// same, if later, and be followed again when it is back.
func (g *stage) spoilt(how func()) {
	g.ownDatabase()
	g.set()
	g.run()
	g.metric("vmapd_following", 1)
	var took time.Duration
	g.fault(how, func() {
		took = awaitServed(g.T, g.v.Socket, g.change(g.T, g.url), 2*time.Minute)
	})
	g.Logf("meanwhile a change is served after %v", took)
	g.rises("vmapd_changes_lost_total", 0)
	g.logs("reading the whole database again")
	g.heal(func() {
		g.capture(g.T, g.url, "install-triggers")
		// The next read finds them.
		g.v.Run(g.T, "reload")
		g.metric("vmapd_following", 1)
	})
	g.end()
}

// emptyLog empties the log together with a change that nobody has read.
func (g *stage) emptyLog() {
	name := "unlogged.drill.test"
	empty := "truncate table vmapd_change"
	if g.server == nil {
		empty = "delete from vmapd_change"
	}
	g.exec(g.T, g.url, "insert into admin_domain (id, name) values (2000000, '"+name+"')", empty)
	awaitServed(g.T, g.v.Socket, name, 2*time.Minute)
}

// dropTrigger drops the trigger of inserted domains.
func (g *stage) dropTrigger() {
	on := ""
	if g.engine == "postgres" {
		on = " on admin_domain"
	}
	g.exec(g.T, g.url, "drop trigger "+g.triggerOf("admin_domain", "insert")+on)
}

// triggerOf finds the name of the trigger that logs an event of a table.
func (g *stage) triggerOf(table, event string) string {
	g.Helper()
	query := map[string]string{
		"postgres": "select tgname from pg_trigger where tgrelid = '" + table + "'::regclass and tgname like 'vmapd%'",
		"mariadb":  "select trigger_name from information_schema.triggers where trigger_schema = database() and event_object_table = '" + table + "'",
		"sqlite":   "select name from sqlite_master where type = 'trigger' and tbl_name = '" + table + "'",
	}[g.engine]
	for _, name := range g.column(query) {
		if strings.Contains(strings.ToLower(name), event) {
			return name
		}
	}
	g.Fatalf("%s has no trigger for %s", table, event)
	return ""
}

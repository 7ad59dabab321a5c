package main_test

import (
	"database/sql"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// schemaDrills change the tables under a running daemon.
func schemaDrills(all string) []failureDrill {
	return []failureDrill{
		{"a column is added and one dropped", all, "", columnsChange},
		{"a column that is read disappears", all, "postgres", columnGone},
		{"a table disappears", all, "", tableGone},
		{"tables locked by a migration", "postgres mariadb", "", tablesLocked},
		{"connections ended by the administrator", "postgres mariadb", "", connectionsEnded},
	}
}

// ownDatabase moves the drill to a database of its own, which it may spoil.
func (g *stage) ownDatabase() {
	g.Helper()
	g.url = g.newDatabase(g.T)
}

// columnsChange is what an upgrade of Modoboa does.
func columnsChange(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() {
		g.exec(g.T, g.url,
			"alter table admin_domain add column upgraded varchar(20)",
			"alter table admin_mailbox add column upgraded integer default 0 not null",
			"alter table core_user drop column phone_number")
	}, nil)
	g.heal(func() {})
	if n := g.v.Metric(g.T, "vmapd_refresh_failures_total"); n > 0 {
		g.Logf("%v reads failed", n)
	}
	g.metric("vmapd_database_up", 1)
	g.end()
}

// columnGone takes away what cannot be missing, and brings it back.
func columnGone(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() { g.exec(g.T, g.url, "alter table admin_alias rename column enabled to disabled") }, func() { g.unreadable("admin_alias") })
	g.heal(func() { g.exec(g.T, g.url, "alter table admin_alias rename column disabled to enabled") })
	g.metric("vmapd_database_up", 1)
	g.end()
}

func tableGone(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() { g.exec(g.T, g.url, "alter table admin_mailbox rename to mailbox_away") }, func() { g.unreadable("admin_mailbox") })
	g.heal(func() { g.exec(g.T, g.url, "alter table mailbox_away rename to admin_mailbox") })
	g.metric("vmapd_database_up", 1)
	g.end()
}

// unreadable expects that a read fails and the log says why and what to do.
func (g *stage) unreadable(word string) {
	g.Helper()
	out, status := g.v.Run(g.T, "reload")
	if status == 0 {
		g.Errorf("vmapd reload went well: %s", out)
	}
	g.metric("vmapd_database_up", 0)
	g.rises("vmapd_refresh_failures_total", 0)
	g.logs("cannot read the database", word, "the last good data", "remedy")
}

// tablesLocked holds the lock that ALTER TABLE takes: who reads waits.
func tablesLocked(g *stage) {
	g.set()
	g.run()
	var d *db.DB
	var conn *sql.Conn
	g.fault(func() { d, conn = g.lock() }, func() { g.rises("vmapd_snapshot_age_seconds", 0.5) })
	g.heal(func() {
		if err := conn.Close(); err != nil {
			g.Fatal(err)
		}
		d.Close()
	})
	g.end()
}

// lock locks Modoboa's tables until the connection is closed.
func (g *stage) lock() (*db.DB, *sql.Conn) {
	g.Helper()
	d, err := db.Open(g.url, db.Options{})
	if err != nil {
		g.Fatal(err)
	}
	conn, err := d.Conn(g.Context())
	if err != nil {
		g.Fatal(err)
	}
	statements := []string{"begin", "lock table admin_domain, admin_mailbox, core_user in access exclusive mode"}
	if g.engine == "mariadb" {
		statements = []string{"lock tables admin_domain write, admin_mailbox write, core_user write"}
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(g.Context(), q); err != nil {
			g.Fatal(err)
		}
	}
	d.SetMaxIdleConns(0) // Close then ends the session, and its locks
	return d, conn
}

// connectionsEnded ends the daemon's sessions, again and again.
func connectionsEnded(g *stage) {
	g.set()
	g.run()
	g.fault(func() {
		for end := time.Now().Add(g.limits.hold); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			g.endSessions()
		}
	}, nil)
	g.heal(func() {})
	g.metric("vmapd_database_up", 1)
	g.end()
}

func (g *stage) endSessions() {
	g.Helper()
	if g.engine == "postgres" {
		g.server.Exec(g.T, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'vmapd' and pid <> pg_backend_pid() and datname = "+
			"(select datname from pg_database where datname like 'test%' limit 1)")
		return
	}
	d, err := db.Open(g.url, db.Options{})
	if err != nil {
		g.Fatal(err)
	}
	defer d.Close()
	rows, err := d.QueryContext(g.Context(), "select id from information_schema.processlist where id <> connection_id() and user = 'tester'")
	if err != nil {
		g.Fatal(err)
	}
	defer rows.Close()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			g.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		_, _ = d.ExecContext(g.Context(), "kill ?", id) // it may be gone
	}
}

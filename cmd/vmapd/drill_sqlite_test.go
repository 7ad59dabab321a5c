package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
)

// sqliteDrills are what can happen to a database that is a file.
func sqliteDrills() []failureDrill {
	return []failureDrill{
		{"database file away", "sqlite", "sqlite", fileAway},
		{"database file is something else", "sqlite", "", fileForeign},
		{"database file replaced by a copy", "sqlite", "", fileReplaced},
	}
}

// file is the path of the database.
func (g *stage) file() string { return strings.TrimPrefix(g.url, "sqlite:") }

func (g *stage) rename(from, to string) {
	g.Helper()
	if err := os.Rename(from, to); err != nil {
		g.Fatal(err)
	}
}

func (g *stage) fileUnusable() {
	g.Helper()
	g.metric("vmapd_database_up", 0)
	g.rises("vmapd_refresh_failures_total", 0)
	g.logs("cannot read the database", "the last good data", "remedy")
}

func fileAway(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() { g.rename(g.file(), g.file()+".away") }, g.fileUnusable)
	g.heal(func() { g.rename(g.file()+".away", g.file()) })
	g.metric("vmapd_database_up", 1)
	g.end()
}

func fileForeign(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() {
		foreign := filepath.Join(g.TempDir(), "foreign")
		if err := os.WriteFile(foreign, bytes.Repeat([]byte("no database\n"), 1000), 0o600); err != nil {
			g.Fatal(err)
		}
		g.rename(g.file(), g.file()+".away")
		g.rename(foreign, g.file())
	}, g.fileUnusable)
	g.heal(func() { g.rename(g.file()+".away", g.file()) })
	g.metric("vmapd_database_up", 1)
	g.end()
}

// fileReplaced puts a copy in the place of the file, as restoring a backup
// does.
func fileReplaced(g *stage) {
	g.ownDatabase()
	g.set()
	g.run()
	g.fault(func() {}, nil)
	backup := g.file() + ".copy"
	g.exec(g.T, g.url, "vacuum into '"+backup+"'", "pragma wal_checkpoint(truncate)")
	g.heal(func() { g.rename(backup, g.file()) })
	g.end()
}

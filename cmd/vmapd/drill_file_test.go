package main_test

import (
	"encoding/binary"
	"os"
	"strings"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
)

// fileDrills damage the snapshot on disk.
func fileDrills() []failureDrill {
	return []failureDrill{
		{"snapshot damaged", "postgres", "postgres", snapshotDamaged},
		{"snapshot of another database", "postgres mariadb", "", snapshotOfAnother},
	}
}

// damage is something that can happen to a file.
type damage struct {
	name string
	to   func(good []byte) []byte
}

// damages lists cuts and flipped bits at every kind of place of a snapshot:
// magic, length of the head, head, columns, checksum (store/stored.go).
func damages(good []byte) []damage {
	const magic = 16
	head := int(binary.LittleEndian.Uint32(good[magic:]))
	all := []damage{
		{"empty", func([]byte) []byte { return nil }},
		{"one byte too long", func(b []byte) []byte { return append(b, 0) }},
		{"zeros from the middle", func(b []byte) []byte { clear(b[len(b)/2:]); return b }},
		{"text", func([]byte) []byte { return []byte(strings.Repeat("nothing of ours\n", 4096)) }},
	}
	for where, at := range map[string]int{
		"magic": 3, "length": magic + 1, "head": magic + 4 + head/2, "first column": magic + 4 + head, "middle": len(good) / 2,
		"checksum": len(good) - 4, "last byte": len(good) - 1,
	} {
		all = append(all,
			damage{"cut at " + where, func(b []byte) []byte { return b[:at] }},
			damage{"bit flipped at " + where, func(b []byte) []byte { b[at] ^= 4; return b }})
	}
	return all
}

// snapshotDamaged starts the daemon over each kind of damage while the database
// is away: nobody is told "not found". With the database everything is well.
func snapshotDamaged(g *stage) {
	g.set(impatient)
	g.v.Start(g.T)
	g.v.AwaitReady(g.T)
	g.awaitStored(g.v)
	g.v.Stop(g.T)
	good, err := os.ReadFile(g.v.Snapshot())
	if err != nil {
		g.Fatal(err)
	}
	for i, d := range damages(good) {
		if g.limits.hold <= time.Second && i%5 != 0 {
			continue // the quick ones
		}
		g.Log(d.name)
		if err := os.WriteFile(g.v.Snapshot(), d.to(append([]byte(nil), good...)), 0o600); err != nil {
			g.Fatal(err)
		}
		g.refused()
		g.v.Kill()
	}
	g.run()
	g.recover(time.Now(), g.v)
	g.end()
	g.proxy.Cut()
	g.run() // from the snapshot that took its place
	g.fault(func() {}, nil)
	g.heal(g.mend)
	g.end()
}

// refused starts the daemon with the database away, and with a snapshot that
// must not be used; then the database comes back.
func (g *stage) refused() {
	g.Helper()
	g.proxy.Cut()
	g.v.Start(g.T)
	g.clients = drill.Ask(g.T, g.v.Socket, 2, g.size.probes())
	time.Sleep(150 * time.Millisecond)
	g.clients.AwaitAnswer(g.T) // a request is held for a while first
	g.metric("vmapd_snapshot_file_errors_total", 1)
	g.logs("refused the snapshot on disk", "written again")
	if g.v.Ready() {
		g.Error("ready, without data")
	}
	if s := g.judge("refused", g.clients.Turn(), temp); s.Right > 0 || s.Temp == 0 {
		g.Errorf("answers came from somewhere: %v", s)
	}
	g.mend()
	g.v.AwaitReady(g.T)
	g.judge("served", g.clients.Stop(), temp)
}

// snapshotOfAnother moves the daemon to another database: what is stored of the
// first one is no answer for the second.
func snapshotOfAnother(g *stage) {
	g.set()
	g.v.Start(g.T)
	g.v.AwaitReady(g.T)
	g.awaitStored(g.v)
	g.v.Stop(g.T)
	other := g.newDatabase(g.T)
	name := g.change(g.T, other)
	state := g.v.State
	proxy, url := g.drillSite.proxy(g.T, other)
	g.url, g.proxy = other, proxy
	g.v = g.vmapd(url, state, impatient)
	g.refused()
	g.ask()
	awaitServed(g.T, g.v.Socket, name, time.Minute)
	g.recover(time.Now(), g.v)
	g.end()
	g.logs("refused the snapshot on disk", "of another database")
}

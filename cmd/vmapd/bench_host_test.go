//go:build bench

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// benchHost is a filled database in a PostgreSQL of its own.
type benchHost struct {
	binary string // vmapd
	size   benchSize
	server *dbtest.Server
	url    string
}

func newBenchHost(t *testing.T, binary string, size benchSize) *benchHost {
	t.Helper()
	h := &benchHost{binary: binary, size: size, server: dbtest.NewPostgres(t)}
	h.url = h.server.NewDatabase(t)
	h.fill(t)
	return h
}

// benchDaemon is a vmapd over the database of a benchHost.
type benchDaemon struct {
	*daemon
	dir    string
	socket string        // socketmap
	ready  time.Duration // from its start to a good answer of /readyz
	web    *drill.Web
}

// quiet leaves out what vmapd does of its own accord: no server that it is compared
// with looks after a thousand domains meanwhile.
const quiet = "[dns]\nschedule = \"never\"\n[alarms]\nmailbox_nearly_full = 0\nmailbox_full = 0\n"

// start runs vmapd until the test ends, and waits until it is ready. It reads
// the database when told to and at no other time.
func (h *benchHost) start(t *testing.T) *benchDaemon {
	t.Helper()
	return h.startWith(t, t.TempDir(), "")
}

// startWith is start with more in the configuration, and sockets in a folder.
func (h *benchHost) startWith(t *testing.T, sockets, more string) *benchDaemon {
	t.Helper()
	v := &benchDaemon{socket: filepath.Join(sockets, "socketmap")}
	web := filepath.Join(sockets, "http")
	v.web = drill.NewWeb(web)
	began := time.Now()
	v.daemon = startVmapd(t, h.binary, fmt.Sprintf("[database]\nurl = %q\nreload = \"24h\"\naudit = \"0s\"\n[jobs]\nenabled = \"never\"\n"+
		"[[listen]]\nprotocol = \"socketmap\"\naddress = \"unix:%s\"\ngroup = \"\"\n"+
		"[[listen]]\nprotocol = \"http\"\naddress = \"unix:%s\"\ngroup = \"\"\n%s", h.url, v.socket, web, more))
	v.dir = filepath.Dir(v.log)
	for _, err := v.web.Get("readyz"); err != nil; _, err = v.web.Get("readyz") {
		if time.Since(began) > 5*time.Minute {
			t.Fatalf("vmapd does not become ready: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	v.ready = time.Since(began)
	return v
}

// metric returns the value of a metric, given with its labels.
func (v *benchDaemon) metric(t *testing.T, name string) float64 {
	t.Helper()
	value, ok, err := v.web.FindMetric(name)
	if err != nil || !ok {
		t.Fatalf("/metrics has no %s: %v", name, err)
	}
	return value
}

// memory returns a line of /proc/PID/status in bytes: "VmRSS", "VmHWM".
func (v *benchDaemon) memory(t *testing.T, name string) float64 {
	t.Helper()
	return processMemory(t, v.cmd.Process.Pid, name)
}

func processMemory(t *testing.T, pid int, name string) float64 {
	t.Helper()
	for line := range strings.Lines(readFile(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if f := strings.Fields(line); f[0] == name+":" {
			kilobytes, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes * 1024
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// settled returns the resident memory with one snapshot: once what loading took
// has gone back to the system.
func (v *benchDaemon) settled(t *testing.T) float64 {
	t.Helper()
	least := v.memory(t, "VmRSS")
	for quiet := 0; quiet < 10; quiet++ {
		time.Sleep(500 * time.Millisecond)
		if rss := v.memory(t, "VmRSS"); rss < 0.99*least {
			least, quiet = rss, 0
		}
	}
	return least
}

// forgetPeak makes VmHWM begin anew (proc(5), clear_refs).
func (v *benchDaemon) forgetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(v.proc("clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

func (v *benchDaemon) proc(file string) string {
	return fmt.Sprintf("/proc/%d/%s", v.cmd.Process.Pid, file)
}

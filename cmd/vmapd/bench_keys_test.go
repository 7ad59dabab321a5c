//go:build bench

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
	"github.com/vmapd/vmapd/store/db"
)

// benchKeys starts the daemon over 100,000 domains, without and with a key for
// each, and has one that was never asked for sign as soon as the socket answers.
func benchKeys(t *testing.T, binary string, r *report) {
	const domains = 100_000
	s := newSigningSiteAt(t, "sqlite:"+filepath.Join(t.TempDir(), "mail.db"), 1)
	key, err := os.ReadFile(filepath.Join(s.dir, "rsa.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range domains {
		if err := os.WriteFile(filepath.Join(s.dir, fmt.Sprintf("d%d.pem", i)), key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := db.Open(s.url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	exec := func(q string) {
		if _, err := d.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.200s: %v", q, err)
		}
	}
	f := &filler{exec: exec}
	for i := range domains {
		f.add("admin_domain (name, type, dkim_key_selector, dkim_private_key_path)", "('d%d.keys.test', 'domain', 's%[1]d', 'd%[1]d.pem')", i)
	}
	f.flush()
	start := func(t *testing.T) (*drill.Vmapd, string, time.Duration) {
		socket := filepath.Join(t.TempDir(), "milter")
		v := drill.NewVmapd(t, binary, "", s.config+"resolvers = [\"127.0.0.1:9\"]\n"+s.section(socket))
		began := time.Now()
		v.Start(t)
		v.AwaitReady(t)
		return v, socket, time.Since(began)
	}
	var without, with, first, bytes samples
	for i := range 3 {
		exec("UPDATE admin_domain SET enable_dkim = false WHERE name LIKE '%.keys.test'")
		t.Run("without", func(t *testing.T) {
			_, _, took := start(t)
			without = append(without, took.Seconds())
		})
		exec("UPDATE admin_domain SET enable_dkim = true WHERE name LIKE '%.keys.test'")
		t.Run("with", func(t *testing.T) {
			v, socket, took := start(t)
			with = append(with, took.Seconds())
			began := time.Now()
			signFor(t, socket, fmt.Sprintf("d%d.keys.test", domains-1-i))
			first = append(first, time.Since(began).Seconds())
			drill.Await(t, 5*time.Minute, "all keys have been read", func() bool { return v.Status(t).DKIM.Keys == domains+1 })
			t.Logf("all keys are read %v after the start", time.Since(began).Round(time.Millisecond))
			time.Sleep(5 * time.Second) // after that all is given back
			bytes = append(bytes, processMemory(t, v.Status(t).PID, "VmRSS")/1e6)
		})
	}
	r.atMost("100,000 keys: seconds that they add to a start", "%.2f", samples{with.median() - without.median()}, 2)
	r.tell("100,000 keys: seconds from start to ready", "%.2f", with)
	r.atMost("100,000 keys: seconds until a first message is signed, then", "%.3f", first, 1)
	r.atMost("100,000 keys: resident megabytes when all have been read", "%.0f", bytes, 400)
}

// signFor has one message by an author of a domain signed.
func signFor(t *testing.T, socket, domain string) {
	t.Helper()
	c, err := miltertest.Dial("unix", socket, miltertest.Offer{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Connect(miltertest.Client{Addr: "127.0.0.1", DaemonName: "mx.home.test"}); err != nil {
		t.Fatal(err)
	}
	v, err := c.Send(miltertest.Parse("From: <a@"+domain+">\n\nHello.\n"), miltertest.Envelope{AuthType: "PLAIN", QueueID: "4Q"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.Message.Values("DKIM-Signature")); n != 1 {
		t.Errorf("%d signatures", n)
	}
}

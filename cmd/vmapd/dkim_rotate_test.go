package main

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/dkim/dnscheck"
	"github.com/vmapd/vmapd/dkim/keybook"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestRotate takes a domain's key through a rotation, with name servers that
// say what the test wants: package dnscheck asks real ones.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir)
	url := "sqlite:" + filepath.Join(dir, "vmapd.db")
	d, err := db.Open(url, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader("domain;a.test;0;0;True\n"), modoboa.ImportOptions{Separator: ';'}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{out: &out, err: &out, overrides: []string{"database.url=" + url}}
	if code := a.run([]string{"dkim", "generate", "a.test"}); code != 0 {
		t.Fatal(out.String())
	}
	now, code := time.Now(), dnscheck.NXDomain
	step := func(later time.Duration, dns dnscheck.Code, want ...string) {
		t.Helper()
		now, code = now.Add(later), dns
		out.Reset()
		err := a.withKeys(t.Context(), false, func(k *keys) error {
			k.Check = func(_ context.Context, domain, selector string, _ crypto.PublicKey) dnscheck.Result {
				return dnscheck.Result{Domain: domain, Selector: selector, Code: code, Works: code == dnscheck.OK, Detail: "DNS says " + string(code)}
			}
			k.Keeper.Now = func() time.Time { return now }
			r, err := k.Rotate(t.Context(), "a.test")
			if err != nil {
				return err
			}
			if err := k.printRotated([]keybook.Rotated{*r}); err != nil {
				return err
			}
			if err := k.read(t.Context()); err != nil {
				return err
			}
			rows, err := k.Rows("a.test")
			for _, row := range rows {
				fmt.Fprintln(&out, row.Selector, row.Stage, row.Problem)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(out.String(), w) {
				t.Errorf("after %v, DNS says %s: no %q in\n%s", later, dns, w, out.String())
			}
		}
	}
	next := now.UTC().Format("v200601r")
	step(0, dnscheck.NXDomain, "made the key "+next, next+"._domainkey.a.test. IN TXT", "modoboa active", next+" new")
	step(time.Hour, dnscheck.NXDomain, "is not published: DNS says nxdomain", next+" new")
	step(time.Hour, dnscheck.Temp, next+" new")
	step(time.Hour, dnscheck.OK, "is published", "modoboa active", next+" published")
	step(time.Minute, dnscheck.OK, "is published", next+" published")
	step(time.Hour, dnscheck.OK, "signs now", "modoboa retiring", next+" active")
	if c, _ := daemon.Load("", a.overrides); c == nil || c.DKIM.Retire.D() < 7*24*time.Hour {
		t.Error("records of retired keys may go too early")
	}
}

package manage_test

import (
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDNSStatus takes a domain through all that its status can be.
func TestDNSStatus(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		w := emptyManager(t, url)
		w.csv("domain;shop.org;0;0;true\ndomain;sub.example.test;0;0;true\n")
		status := func(m *manage.Manager, name string) string {
			t.Helper()
			var d *manage.Domain
			err := m.Read(t.Context(), manage.Root(), func(t *manage.Tx) (err error) {
				d, err = t.DomainByName(name)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return d.DNSStatus
		}
		own := manage.New(manage.Options{DB: w.d, DNS: manage.DNSRules{Own: true, Off: []string{"autoconfig", "autodiscover"}}})
		is := func(what, want, strict string) {
			t.Helper()
			if got := status(w.m, "shop.org"); got != want {
				t.Errorf("%s: %s, want %s", what, got, want)
			}
			if got := status(own, "shop.org"); got != strict {
				t.Errorf("%s: with networks and without autoconfig %s, want %s", what, got, strict)
			}
		}
		now := time.Now()
		id := int(see(w, "", func(t *manage.Tx) (*manage.Domain, error) { return t.DomainByName("shop.org") }).ID)
		record := func(kind string, valid bool) {
			w.exec("DELETE FROM dnstools_dnsrecord WHERE type = ?", kind)
			w.exec("INSERT INTO dnstools_dnsrecord (domain_id, type, value, is_valid, updated) VALUES (?, ?, 'x', ?, ?)", id, kind, valid, w.d.Time(now))
		}
		if got := status(w.m, "sub.example.test"); got != "disabled" {
			t.Errorf("a reserved name: %s", got)
		}
		is("new", "pending", "pending")
		w.exec("UPDATE admin_domain SET creation = ? WHERE id = ?", w.d.Time(now.Add(-48*time.Hour)), id)
		is("old, never checked", "pending", "pending")
		w.exec("UPDATE admin_domain SET last_dns_check_execution = ? WHERE id = ?", w.d.Time(now), id)
		is("old, nothing found", "critical", "critical")
		w.exec("INSERT INTO admin_mxrecord (id, domain_id, name, address, managed, updated) VALUES (900, ?, 'mx.shop.org', '192.0.2.1', ?, ?)", id, false, w.d.Time(now))
		for _, kind := range []string{"spf", "dmarc"} {
			record(kind, true)
		}
		is("no autoconfig", "critical", "critical")
		record("autoconfig", true)
		record("autodiscover", false) // that it is there is enough
		is("all there, MX elsewhere", "ok", "critical")
		w.exec("UPDATE admin_mxrecord SET managed = ?", true)
		is("all there", "ok", "ok")
		for _, kind := range []string{"spf", "dmarc"} {
			record(kind, false)
			is(kind+" is wrong", "critical", "critical")
			record(kind, true)
		}
		w.exec("UPDATE admin_domain SET enable_dkim = ? WHERE id = ?", true, id)
		is("no DKIM record", "critical", "critical")
		record("dkim", true)
		is("DKIM too", "ok", "ok")
		w.exec("INSERT INTO admin_dnsblresult (domain_id, provider, mx_id, status) VALUES (?, 'bl.net', 900, '')", id)
		is("clean", "ok", "ok")
		w.exec("UPDATE admin_dnsblresult SET status = '127.0.0.2'")
		is("listed", "critical", "critical")
		w.exec("UPDATE core_localconfig SET _parameters = ?", `{"admin": {"enable_dnsbl_checks": false, "enable_spf_checks": true}}`)
		is("lists do not count", "ok", "ok")
		record("spf", false)
		w.exec("UPDATE core_localconfig SET _parameters = ?", `{"admin": {"enable_dnsbl_checks": false, "enable_spf_checks": false, "valid_mxs": "192.0.2.0/24"}}`)
		is("nor does SPF", "ok", "ok")
		w.exec("UPDATE admin_mxrecord SET managed = ?", false)
		is("valid_mxs", "critical", "critical")
		w.exec("UPDATE admin_domain SET enable_dns_checks = ? WHERE id = ?", false, id)
		is("off", "disabled", "disabled")
		w.do("", func(t *manage.Tx) error { return t.DeleteDomain(int64(id), true) })
		for _, table := range []string{"admin_mxrecord", "admin_dnsblresult", "dnstools_dnsrecord"} {
			if left := w.rows("SELECT 1 FROM " + table); len(left) > 0 {
				t.Errorf("%s has rows of a domain that is gone", table)
			}
		}
	})
}

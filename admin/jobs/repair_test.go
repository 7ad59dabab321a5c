package jobs_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

func (n *node) damage() {
	n.t.Helper()
	for _, q := range []string{
		"DELETE FROM core_objectaccess WHERE is_owner AND content_type_id IN (SELECT id FROM django_content_type WHERE model IN ('domain', 'alias'))",
		"UPDATE core_objectaccess SET is_owner = false WHERE content_type_id IN (SELECT id FROM django_content_type WHERE model = 'mailbox')",
		"DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE internal AND address = 'bob@one.test')",
		"DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE internal AND address LIKE '%@two.test')",
		"DELETE FROM admin_alias WHERE internal AND address LIKE '%@two.test'",
		"UPDATE core_user SET is_active = false WHERE username = 'dan@two.test'",
	} {
		n.exec(q)
	}
}

func TestRepair(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		whole := n.order("repair", jobs.Order{DryRun: true})
		if len(whole.Lines) > 0 {
			t.Errorf("a whole database: %+v", whole)
		}
		n.damage()
		var dry *jobs.Report
		n.unchanged("a dry run", func() { dry = n.order("repair", jobs.Order{DryRun: true}) })
		// Domains and aliases without owners, mailboxes of which three lack an alias.
		if dry.Result != fmt.Sprintf("would mend %d objects", 2+2+4+3) {
			t.Errorf("%+v", dry)
		}
		if r := n.order("repair", jobs.Order{}); r.Result != "mended 11 objects" {
			t.Errorf("%+v", r)
		}
		if r := n.order("repair", jobs.Order{}); r.Result != "mended 0 objects" {
			t.Errorf("second run: %+v", r)
		}
		const owners = "SELECT count(*) FROM core_objectaccess WHERE is_owner GROUP BY content_type_id, object_id HAVING count(*) <> 1"
		if diff := cmp.Diff([]string{}, n.column(owners)); diff != "" {
			t.Errorf("objects with several owners: %s", diff)
		}
		const self = `SELECT a.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.internal AND a.enabled AND r.r_mailbox_id IS NOT NULL`
		if diff := cmp.Diff([]string{"ann@one.test", "bob@one.test", "cem@two.test"}, n.column(self)); diff != "" {
			t.Errorf("enabled aliases of mailboxes to themselves: %s", diff)
		}
	})
}

func TestRepairOfModoboas(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, _ string) {
		n := newNode(t, url)
		n.order("repair", jobs.Order{})
		n.exec("DELETE FROM core_objectaccess WHERE is_owner")
		n.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE internal)")
		var dry *jobs.Report
		n.unchanged("a dry run", func() { dry = n.order("repair", jobs.Order{DryRun: true}) })
		done := n.order("repair", jobs.Order{})
		if len(dry.Lines) == 0 || len(done.Lines) != len(dry.Lines) {
			t.Errorf("would mend %d, mended %d", len(dry.Lines), len(done.Lines))
		}
		if again := n.order("repair", jobs.Order{}); len(again.Lines) > 0 {
			t.Errorf("second run: %+v", again.Lines)
		}
	})
}

func TestDomainUsage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		n := filled(t, url)
		for name, mb := range map[string]int{"ann@one.test": 100, "bob@one.test": 150, "cem@two.test": 7} {
			n.exec("UPDATE admin_quota SET bytes = ? WHERE username = ?", mb<<20, name)
		}
		n.exec("INSERT INTO admin_quota (username, bytes, messages) VALUES ('x@one.test.example', 999999999, 1)") // not of one.test
		n.unchanged("domain-usage", func() {
			r := n.order("domain-usage", jobs.Order{DryRun: true})
			want := []string{"one.test: 250 MB in 2 mailboxes, 25 % of 1000 MB", "two.test: 7 MB in 2 mailboxes"}
			if diff := cmp.Diff(want, r.Lines); diff != "" || r.Result != "257 MB in 2 domains" {
				t.Errorf("%q\n%s", r.Result, diff)
			}
		})
	})
}

package main_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// doctorQueries find with SQL what the checks are to find. Whatever another
// check finds is wrong.
var doctorQueries = map[string]string{
	"disabled-account": `select concat(m.address, '@', d.name) from admin_mailbox m join admin_domain d on d.id = m.domain_id join core_user u on u.id = m.user_id
		where not u.is_active and d.enabled and d.type = 'domain' and exists (select 1 from admin_alias a where a.address = concat(m.address, '@', d.name) and a.internal and a.enabled)`,
	"self-alias": `select concat(m.address, '@', d.name) from admin_mailbox m join admin_domain d on d.id = m.domain_id join core_user u on u.id = m.user_id
		where u.is_active and d.enabled and not exists (select 1 from admin_alias a where a.address = concat(m.address, '@', d.name) and a.enabled)`,
	"account-email": `select u.username from admin_mailbox m join admin_domain d on d.id = m.domain_id join core_user u on u.id = m.user_id
		where lower(u.email) <> lower(concat(m.address, '@', d.name))`,
	"password-weak": `select username from core_user where is_active and (password like '{MD5%' or password like '{SHA256}%' or password like '{SSHA}%' or password like '{PLAIN}%' or
		password like '{CRYPT}%' and password not like '{CRYPT}$%')`,
	"mailbox-operation": `select distinct concat(m.address, '@', d.name) from admin_mailboxoperation o join admin_mailbox m on m.id = o.mailbox_id join admin_domain d on d.id = m.domain_id
		union all select concat('row ', id, ' of admin_mailboxoperation') from admin_mailboxoperation where mailbox_id is null`,
	"domainalias-target": `select a.name from admin_domainalias a join admin_domain d on d.id = a.target_id where a.enabled and not d.enabled`,
	"domainalias-row": `select lower(a.name) from admin_domainalias a join admin_domain d on d.id = a.target_id where a.enabled and d.enabled and not exists (
		select 1 from admin_alias x join modoboa_admin_aliasrecipient r on r.alias_id = x.id where lower(x.address) = lower(concat('@', a.name)) and x.enabled and lower(r.address) = lower(concat('@', d.name)))`,
	"alias-expired": `select lower(address) from admin_alias where enabled and expire_at < '2026-11-28 00:00:00'`,
	"alias-empty":   `select address from admin_alias a where enabled and not exists (select 1 from modoboa_admin_aliasrecipient r where r.alias_id = a.id)`,
	"alias-old-recipient": `select concat(a.address, ' -> ', r.address) from admin_alias a join modoboa_admin_aliasrecipient r on r.alias_id = a.id join admin_mailbox m on m.id = r.r_mailbox_id
		join admin_domain d on d.id = m.domain_id where a.enabled and lower(r.address) not like concat('%@', lower(d.name))`,
	"orphan-alias": `select lower(address) from admin_alias a where not exists (select 1 from admin_domain where lower(a.address) like concat('%@', lower(name))) and
		not exists (select 1 from admin_domainalias where lower(a.address) like concat('%@', lower(name)))`,
	"orphan-transport": `select pattern from transport_transport t where pattern <> '*' and not exists (select 1 from admin_domain where t.pattern = name or t.pattern like concat('%@', name) or t.pattern = concat('autoreply.', name)) and
		not exists (select 1 from admin_domainalias where t.pattern = name or t.pattern like concat('%@', name) or t.pattern = concat('autoreply.', name))`,
	"orphan-access":   `select pattern from relaydomains_recipientaccess a where not exists (select 1 from admin_domain where name = a.pattern and type = 'relaydomain')`,
	"orphan-quota":    `select username from admin_quota q where not exists (select 1 from admin_mailbox m join admin_domain d on d.id = m.domain_id where lower(concat(m.address, '@', d.name)) = lower(q.username))`,
	"relay-transport": `select name from admin_domain d where type = 'relaydomain' and enabled and not exists (select 1 from transport_transport where pattern = d.name)`,
	"domain-quota":    `select d.name from admin_domain d join admin_mailbox m on m.domain_id = d.id where d.quota > 0 group by d.name, d.quota having min(m.quota) = 0 or sum(m.quota) > d.quota`,
}

// oddities are changes as Modoboa makes them (or its old releases did), and what
// is to be found then, besides.
var oddities = []struct {
	name   string
	change []string
	checks []string // with findings that were not there before
}{
	{"a domain is renamed", []string{
		"update admin_domain set name = 'renamed.org' where name = 'example.org'",
		"update admin_alias set address = replace(address, '@example.org', '@renamed.org')",
		"update admin_quota set username = replace(username, '@example.org', '@renamed.org')",
	}, []string{"account-email", "alias-old-recipient"}},
	{"a domain alias gets another target", []string{"update admin_domainalias set target_id = (select id from admin_domain where name = 'renamed.org') where name = 'alias.test'"}, []string{"domainalias-row"}},
	{"a domain alias is renamed", []string{"update admin_domainalias set name = 'alias9.test' where name = 'alias.test'"}, []string{"domainalias-row", "orphan-alias"}},
	{
		"a relay domain is renamed",
		[]string{"update admin_domain set name = 'relay9.test' where name = 'relay.test'", "update transport_transport set pattern = 'relay9.test' where pattern = 'relay.test'"},
		[]string{"orphan-access", "alias-old-recipient"},
	},
	{"a relay domain is imported without transport", []string{"update admin_domain set transport_id = null where name = 'relay9.test'", "delete from transport_transport where pattern = 'relay9.test'"}, []string{"relay-transport"}},
	{"quota rows stay behind", []string{"update admin_quota set username = concat('x', username) where username like 'user1@%'"}, []string{"orphan-quota"}},
	{"an account is enabled again", []string{"update core_user set is_active = true", "update admin_alias set enabled = false where internal and address like 'user2@%'"}, []string{"self-alias"}},
}

// TestDoctorFindsModoboasOddities looks at databases that Modoboa made, on all
// engines, and at what it makes of them later.
func TestDoctorFindsModoboasOddities(t *testing.T) {
	t.Parallel()
	dbtest.EachModoboa(t, func(t *testing.T, url, _ string) {
		d := dbtest.Open(t, url, db.Options{})
		before := compareDiagnosis(t, d, "as Modoboa left it")
		for _, o := range oddities {
			dbtest.Exec(t, d, o.change...)
			after := compareDiagnosis(t, d, o.name)
			for _, check := range o.checks {
				if slices.Equal(before[check], after[check]) {
					t.Errorf("%s: %s finds nothing new: %q", o.name, check, after[check])
				}
			}
			before = after
		}
	})
}

// compareDiagnosis compares the subjects that the checks find with those that
// SQL finds, and returns them by check.
func compareDiagnosis(t *testing.T, d *db.DB, when string) map[string][]string {
	t.Helper()
	b := store.NewBuilder()
	if err := (&modoboa.Source{DB: d}).Load(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	list, err := doctor.Run(t.Context(), doctor.Input{
		Snapshot: b.Build(time.Now()), Lookup: lookup.Options{RecipientDelimiter: "+"}, DefaultScheme: "CRYPT", WeakSchemes: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string][]string{}, map[string][]string{}
	for _, f := range list {
		got[f.Check] = append(got[f.Check], f.Subject)
	}
	for check, query := range doctorQueries {
		if found := subjects(t, d, query); len(found) > 0 {
			want[check] = found
		}
		slices.Sort(got[check])
		if len(got[check]) == 0 {
			delete(got, check)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: found (-by SQL +by the doctor):\n%s", when, diff)
	}
	return got
}

func subjects(t *testing.T, d *db.DB, query string) (all []string) {
	t.Helper()
	rows, err := d.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

package manage_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// outside makes the account of somebody and tells what came of it.
func (o *office) outside(in manage.OutsideInput) string {
	o.t.Helper()
	said := ""
	if told := o.act("", func(t *manage.Tx) error {
		a, created, err := t.CreateOutside(in)
		if err != nil {
			return err
		}
		box := "no mailbox"
		if m := a.Mailbox; m != nil {
			box = fmt.Sprintf("%s %t %d", m.Address, m.UseDomainQuota, m.Quota)
		}
		said = fmt.Sprintf("%s %s local=%t %s; created=%t", a.Username, a.Role, a.Local, box, created)
		return nil
	}); told != "" {
		return told
	}
	return said
}

func TestCreateOutside(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		for _, tc := range []struct {
			in   manage.OutsideInput
			want string
		}{
			{manage.OutsideInput{Username: "New@One.test", FirstName: "Ann", LastName: strings.Repeat("x", 200)}, "new@one.test SimpleUsers local=false new@one.test true 100; created=true"},
			{manage.OutsideInput{Username: "new@one.test", Admin: true, Local: true}, "new@one.test SimpleUsers local=false new@one.test true 100; created=false"},
			{manage.OutsideInput{Username: "amy@one.test"}, "amy@one.test SimpleUsers local=true amy@one.test true 100; created=false"},
			{manage.OutsideInput{Username: "box@fresh.test", Local: true}, "box@fresh.test SimpleUsers local=true box@fresh.test true 0; created=true"},
			{manage.OutsideInput{Username: "adm@fresh.test", Admin: true}, "adm@fresh.test DomainAdmins local=false adm@fresh.test true 0; created=true"},
			{manage.OutsideInput{Username: "boss", Admin: true}, "boss DomainAdmins local=false no mailbox; created=true"},
			{manage.OutsideInput{Username: "nobody"}, "400 username: Enter a valid email address."},
			{manage.OutsideInput{Username: ""}, "400 username: This field may not be blank."},
			{manage.OutsideInput{Username: "far@alias.test"}, "far@alias.test SimpleUsers local=false no mailbox; created=true"},
			{manage.OutsideInput{Username: "a/b@one.test"}, `400 username: There may be no "/" in the address of a mailbox, and no dot alone before the "@".`},
		} {
			if got := o.outside(tc.in); got != tc.want {
				t.Errorf("%+v: %s\nwant %s", tc.in, got, tc.want)
			}
		}
		o.soundBut("far@alias.test")
		want := []string{"chief 1"}
		if diff := cmp.Diff(want, o.rows(`SELECT u.username, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			JOIN core_user u ON u.id = oa.user_id WHERE ct.model = 'domain' AND oa.is_owner = ? AND oa.object_id = (SELECT id FROM admin_domain WHERE name = 'fresh.test')`, true)); diff != "" {
			t.Errorf("who owns the new domain: %s", diff)
		}
		if got := o.rows("SELECT first_name, last_name, password FROM core_user WHERE username = 'new@one.test'"); len(got) != 1 || !strings.HasPrefix(got[0], "Ann ") || strings.Contains(got[0], "{") {
			t.Errorf("the row: %q", got)
		}
		if told := o.act("ron", func(t *manage.Tx) error {
			_, _, err := t.CreateOutside(manage.OutsideInput{Username: "x@his.test"})
			return err
		}); !strings.HasPrefix(told, "403") {
			t.Errorf("a reseller: %q", told)
		}
		o.set(map[string]map[string]any{"admin": {"auto_create_domain_and_mailbox": false}})
		if got, want := o.outside(manage.OutsideInput{Username: "plain@one.test"}), "plain@one.test SimpleUsers local=false no mailbox; created=true"; got != want {
			t.Errorf("without creation of mailboxes: %s", got)
		}
		o.set(map[string]map[string]any{"limits": {"enable_domain_limits": true}})
		o.exec("UPDATE limits_domainobjectlimit SET max_value = 1 WHERE name = 'mailboxes'")
		if got := o.outside(manage.OutsideInput{Username: "more@one.test"}); !strings.Contains(got, "(limit)") {
			t.Errorf("in a full domain: %s", got)
		}
	})
}

// soundBut is sound, but for somebody who has no mailbox although he is a
// SimpleUser, as Modoboa has it.
func (o *office) soundBut(boxless string) {
	o.exec("UPDATE core_user SET email = username WHERE username = ?", boxless)
	defer o.exec("UPDATE core_user SET email = '' WHERE username = ?", boxless)
	for what, query := range unsound(o.d.Dialect) {
		for _, row := range o.rows(query) {
			if !strings.HasPrefix(row, boxless) {
				o.t.Errorf("%s: %q", what, row)
			}
		}
	}
}

// TestFirstLoginsAtOnce: twenty at once make one account.
func TestFirstLoginsAtOnce(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				err := o.m.Write(t.Context(), manage.Root(), func(t *manage.Tx) error {
					_, _, err := t.CreateOutside(manage.OutsideInput{Username: "new@race.test"})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := o.id("SELECT count(*) FROM core_user WHERE username = 'new@race.test'"); n != 1 {
			t.Errorf("%d accounts", n)
		}
		o.sound()
	})
}

// keeper keeps passwords of accounts that are not local.
type keeper struct{ passwords map[string]string }

func (k *keeper) Changes(a *manage.Account) bool { return !a.Local }

func (k *keeper) Change(_ context.Context, a *manage.Account, old, clear string) error {
	if old != "" && k.passwords[a.Username] != old {
		return &manage.Error{Kind: manage.Invalid, Fields: map[string][]string{"password": {"Password not correct"}}}
	}
	k.passwords[a.Username] = clear
	return nil
}

func TestChangeElsewhere(t *testing.T) {
	o := openOffice(t, dbtest.SQLite(t))
	o.outside(manage.OutsideInput{Username: "new@one.test"})
	k := &keeper{map[string]string{"new@one.test": "Old12345"}}
	o.m = manage.New(manage.Options{DB: o.d, Elsewhere: k})
	for _, tc := range []struct {
		caller, account string
		old             manage.Opt[string]
		clear           string
		done            bool
		want            string
	}{
		{"new@one.test", "new@one.test", manage.Some("Old12345"), "New12345", true, ""},
		{"new@one.test", "new@one.test", manage.Some("Old12345"), "New12345", true, "password: Password not correct"},
		{"new@one.test", "new@one.test", manage.Some(""), "New12345", false, "password: This field is required."},
		{"new@one.test", "new@one.test", manage.Some("New12345"), "new", false, "new_password: This password is too short. It must contain at least 8 characters."},
		{"amy@one.test", "new@one.test", manage.Some("New12345"), "New12345", false, "There is no such account."},
		{"dot@one.test", "new@one.test", manage.Opt[string]{}, "New12345", false, "password: This field is required."},
		{"chief", "new@one.test", manage.Opt[string]{}, "Set12345", true, ""},
		{"amy@one.test", "amy@one.test", manage.Some("Secret11"), "New12345", false, ""},
	} {
		done, err := o.m.ChangeElsewhere(t.Context(), o.as(tc.caller), o.account(tc.account), tc.old, tc.clear)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if done != tc.done || said != tc.want {
			t.Errorf("%+v: %t, %q", tc, done, said)
		}
	}
	if k.passwords["new@one.test"] != "Set12345" {
		t.Errorf("in the end: %v", k.passwords)
	}
}

package manage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestAnythingGoes has random people do random things to accounts: whatever
// they are told, all is sound afterwards, and what they may not touch stays.
func TestAnythingGoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "office.db")
	o := openOffice(t, "sqlite:"+file)
	if err := o.d.Close(); err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	property.Check(t, func(rt *rapid.T) {
		n++
		file := filepath.Join(t.TempDir(), fmt.Sprint(n, ".db"))
		if err := os.WriteFile(file, template, 0o600); err != nil {
			rt.Fatal(err)
		}
		d := dbtest.Open(t, "sqlite:"+file, db.Options{})
		defer d.Close()
		o := &office{t: t, d: d}
		o.m = o.newManager()
		o.set(map[string]map[string]any{"admin": {"create_alias_on_mbox_rename": rapid.Bool().Draw(rt, "alias from old"), "handle_mailboxes": rapid.Bool().Draw(rt, "files")}})
		for range rapid.IntRange(1, 12).Draw(rt, "actions") {
			o.anything(rt)
		}
		for what, query := range unsound(d.Dialect) {
			if got := o.rows(query); len(got) > 0 {
				rt.Fatalf("%s: %q", what, got)
			}
		}
		if got := o.id("SELECT count(*) FROM core_user WHERE is_superuser = true AND is_active = true"); got == 0 {
			rt.Fatal("there is no super administrator")
		}
	})
}

// anything does one thing, as somebody.
func (o *office) anything(rt *rapid.T) {
	active := o.rows("SELECT username FROM core_user WHERE is_active = ?", true)
	login := rapid.SampledFrom(append(active, "")).Draw(rt, "who")
	id := o.account(rapid.SampledFrom(o.rows("SELECT username FROM core_user")).Draw(rt, "whom"))
	in := someInput(rt)
	kind := rapid.SampledFrom([]string{"create", "update", "update", "update", "put", "delete", "limits", "token"}).Draw(rt, "what")
	told := o.act(login, func(tx *manage.Tx) error {
		switch kind {
		case "create":
			if !in.Username.Set {
				in.Username = manage.Some("n1@one.test")
			}
			in.Password = manage.Some("Secret11")
			_, _, err := tx.CreateAccount(in)
			return err
		case "update":
			_, _, err := tx.UpdateAccount(id, in)
			return err
		case "put":
			in.Password = manage.Some("Secret11")
			_, _, _, err := tx.PutAccount(in.Username.Or("ben@one.test"), in)
			return err
		case "delete":
			return tx.DeleteAccount(id, rapid.Bool().Draw(rt, "keep files"))
		case "limits":
			return tx.SetLimits(id, map[string]int64{"mailboxes": rapid.Int64Range(-2, 12).Draw(rt, "limit")})
		}
		_, err := tx.CreateToken(id)
		return err
	})
	rt.Logf("%s by %q of %d with %+v: %q", kind, login, id, in, told)
}

// someInput sets some fields of an input to something.
func someInput(rt *rapid.T) manage.AccountInput {
	var in manage.AccountInput
	names := rapid.SampledFrom([]string{"n1@one.test", "n2@one.test", "N1@two.test", "n3@his.test", "ben@one.test", "box@relay.test", "boss", "info@one.test", "no@none.test"})
	when := func(what string) bool { return rapid.IntRange(0, 3).Draw(rt, what) == 0 }
	if when("name?") {
		in.Username = manage.Some(names.Draw(rt, "name"))
	}
	if when("role?") {
		in.Role = manage.Some(rapid.SampledFrom([]manage.Role{manage.SimpleUsers, manage.DomainAdmins, manage.Resellers, manage.SuperAdmins, "Others"}).Draw(rt, "role"))
	}
	if when("active?") {
		in.Active = manage.Some(rapid.Bool().Draw(rt, "active"))
	}
	if when("mailbox?") {
		m := &manage.MailboxInput{}
		if when("address?") {
			m.Address = manage.Some(names.Draw(rt, "address"))
		}
		if when("quota?") {
			m.Quota = manage.Some(rapid.Int64Range(-1, 1100).Draw(rt, "quota"))
		}
		if when("rule?") {
			m.UseDomainQuota = manage.Some(rapid.Bool().Draw(rt, "rule"))
		}
		if when("no mailbox?") {
			m = nil
		}
		in.Mailbox = manage.Some(m)
	}
	if when("aliases?") {
		in.Aliases = manage.Some(rapid.SliceOfN(rapid.SampledFrom([]string{"x@one.test", "info@one.test", "y@two.test", "more@one.test", "z@none.test"}), 0, 3).Draw(rt, "aliases"))
	}
	if when("domains?") {
		in.Domains = manage.Some(rapid.SliceOfN(rapid.SampledFrom([]string{"one.test", "two.test", "his.test", "relay.test", "none.test"}), 0, 3).Draw(rt, "domains"))
	}
	return in
}

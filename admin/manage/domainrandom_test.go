package manage_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/db"
)

// action is a random action on domains.
type action struct {
	login string
	name  string
	run   func(t *manage.Tx) error
}

// drawn draws what an action is made of. The names are few, so that they meet.
type drawn struct{ *rapid.T }

func (d drawn) name() string {
	return rapid.SampledFrom([]string{"one.test", "two.test", "relay.test", "alias.test", "new.test", "One.test.org", "empty.test"}).Draw(d.T, "name")
}

func (d drawn) quota(what string) manage.Opt[int64] {
	if rapid.Bool().Draw(d.T, "no "+what) {
		return manage.Opt[int64]{}
	}
	return some(rapid.SampledFrom([]int64{0, 1, 50, 100, 250, 400, 1000, -1}).Draw(d.T, what))
}

func (d drawn) input() manage.DomainInput {
	in := manage.DomainInput{Quota: d.quota("quota"), DefaultMailboxQuota: d.quota("default")}
	if rapid.Bool().Draw(d.T, "named") {
		in.Name = some(d.name())
	}
	if rapid.Bool().Draw(d.T, "typed") {
		in.Type = some(rapid.SampledFrom([]string{"domain", "relaydomain"}).Draw(d.T, "type"))
	}
	if rapid.Bool().Draw(d.T, "transported") {
		in.Transport = some(manage.TransportInput{Host: "h.test", Verify: rapid.Bool().Draw(d.T, "verify")})
	}
	return in
}

// domainOf finds a domain that the caller sees.
func domainOf(t *manage.Tx, name string) (int64, error) {
	d, err := t.DomainByName(name)
	if err != nil {
		return 0, err
	}
	return d.ID, nil
}

func (d drawn) action(accounts map[string]int64) action {
	a := action{login: rapid.SampledFrom([]string{"root", "root", "", "rita", "adm@one.test", "ann@one.test"}).Draw(d.T, "login")}
	a.name = rapid.SampledFrom([]string{"create", "update", "update", "put", "delete", "alias", "alias update", "alias delete", "admin", "no admin"}).Draw(d.T, "action")
	name, in, target := d.name(), d.input(), d.name()
	account := rapid.SampledFrom([]string{"rita", "adm@one.test", "bea"}).Draw(d.T, "account")
	a.run = func(t *manage.Tx) error {
		id, err := domainOf(t, name)
		switch a.name {
		case "create":
			in.Name = some(name)
			_, err = t.CreateDomain(in)
			return err
		case "put":
			in.Name = manage.Opt[string]{}
			_, _, err = t.PutDomain(name, in)
			return err
		case "alias":
			_, _, err = t.PutDomainAlias(name, manage.DomainAliasInput{TargetName: some(target)})
			return err
		case "alias update", "alias delete":
			return aliasAction(t, a.name, name, target)
		}
		if err != nil {
			return err
		}
		switch a.name {
		case "update":
			_, err = t.UpdateDomain(id, in)
		case "delete":
			err = t.DeleteDomain(id, false)
		case "admin":
			err = t.AddDomainAdmin(id, accounts[account])
		case "no admin":
			err = t.RemoveDomainAdmin(id, accounts[account])
		}
		return err
	}
	return a
}

// aliasAction changes or deletes the first domain alias that the caller sees.
func aliasAction(t *manage.Tx, what, name, target string) error {
	p, err := t.DomainAliases(manage.Query{Limit: 1})
	if err != nil || len(p.Items) == 0 {
		return err
	}
	if what == "alias delete" {
		return t.DeleteDomainAlias(p.Items[0].ID)
	}
	_, err = t.UpdateDomainAlias(p.Items[0].ID, manage.DomainAliasInput{Name: some(name), TargetName: some(target)})
	return err
}

// TestRandomDomains does anything in any order: nobody but the caller is ever
// to blame, and everything fits together afterwards.
func TestRandomDomains(t *testing.T) {
	file := filepath.Join(t.TempDir(), "first.db")
	w := emptyManager(t, "sqlite:"+file)
	w.csv(worldData + "account;bea;{PLAIN}x;;;true;DomainAdmins;;0\n")
	w.exec("UPDATE limits_userobjectlimit SET max_value = -1 WHERE name <> 'quota'")
	w.exec("PRAGMA wal_checkpoint(truncate)")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]int64{}
	for _, login := range []string{"rita", "adm@one.test", "bea"} {
		accounts[login] = w.account(login)
	}
	property.Check(t, func(rt *rapid.T) {
		file := filepath.Join(t.TempDir(), "vmapd.db")
		if err := os.WriteFile(file, first, 0o600); err != nil {
			rt.Fatal(err)
		}
		d, err := db.Open("sqlite:"+file, db.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer d.Close()
		w := &world{t: t, d: d, m: newManager(d)}
		if rapid.Bool().Draw(rt, "remove accounts") {
			w.parameters(map[string]map[string]any{"admin": {"auto_account_removal": true}})
		}
		for range rapid.IntRange(1, 8).Draw(rt, "actions") {
			w.random(rt, drawn{rt}.action(accounts))
		}
	})
}

// random carries out a random action.
func (w *world) random(rt *rapid.T, a action) {
	caller := manage.Root()
	if a.login != "" {
		var err error
		if caller, err = w.m.CallerByName(w.t.Context(), a.login); err != nil {
			rt.Fatal(err)
		}
		if caller == nil {
			return // gone, or of another name
		}
	}
	err := w.m.Write(w.t.Context(), caller, a.run)
	var blamed *manage.Error
	if err != nil && !errors.As(err, &blamed) {
		rt.Fatalf("%s by %s: %v", a.name, a.login, err)
	}
	problems := append(w.problems(), w.dangling()...)
	if len(problems) > 0 {
		rt.Fatal(fmt.Sprintf("%s by %q (%v): %q", a.name, a.login, err, problems))
	}
}

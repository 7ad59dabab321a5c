package manage_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// aliasWorld is what the properties are about.
type aliasWorld struct {
	h    *mailHost
	pool []string // addresses of aliases and of recipients
}

// postfix reads what Postfix is told.
func (w *aliasWorld) postfix() manage.Postfix {
	p := manage.Postfix{}
	for _, row := range w.h.rows(`SELECT a.address, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		WHERE a.enabled = ?`, true) {
		from, to, _ := strings.Cut(row, " ")
		p[from] = append(p[from], to)
	}
	return p
}

// widePool has all sorts of addresses.
func widePool() (out []string) {
	for _, domain := range []string{"one.test", "other.test", "relay.test", "alias.test", "otheralias.test"} {
		for _, local := range []string{"", "ann", "bob", "cat", "p", "q", "p+x", "ann+x"} {
			out = append(out, local+"@"+domain)
		}
	}
	return append(out, "far@far.test", "@far.test")
}

// narrowPool has few addresses, most of which lead to each other somehow. In
// relay domains names need not exist.
func narrowPool() []string {
	return []string{
		"@one.test", "ann@one.test", "ann+x@one.test", "p@one.test", "p+x@one.test", "p+x+x@one.test", "ann@alias.test", "ann+x@alias.test",
		"p@alias.test", "@alias.test", "@relay.test", "ann@relay.test", "p+x@relay.test", "p@relay.test",
	}
}

func (w *aliasWorld) drawAddresses(t *rapid.T, name string) []string {
	return rapid.SliceOfN(rapid.SampledFrom(w.pool), 0, 3).Draw(t, name)
}

// acts carries out an action that may be refused, and returns the error.
func (w *aliasWorld) acts(t *rapid.T, login string, f func(t *manage.Tx) error) *manage.Error {
	err := w.h.m.Write(context.Background(), w.h.as(login), f)
	var e *manage.Error
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("nobody is to blame for: %v", err)
	}
	return e
}

// TestAliasProperties does things in any order. Then the rows fit together, and
// mail comes to an end; and what is refused as a circle would be one.
func TestAliasProperties(t *testing.T) {
	who := rapid.SampledFrom([]string{"", "admin", "adm@one.test", "eve@other.test", "ann@one.test"})
	checkAliasWorld(t, widePool(), who)
}

// TestCircleProperties does the same with few addresses, which lead to each
// other far more often.
func TestCircleProperties(t *testing.T) {
	checkAliasWorld(t, narrowPool(), rapid.Just(""))
}

func checkAliasWorld(t *testing.T, pool []string, who *rapid.Generator[string]) {
	t.Helper()
	w := &aliasWorld{openHost(t, dbtest.SQLite(t)), pool}
	property.Check(t, func(t *rapid.T) {
		w.h.clear()
		t.Repeat(map[string]func(*rapid.T){
			"put":     func(t *rapid.T) { w.put(t, who.Draw(t, "who")) },
			"change":  func(t *rapid.T) { w.change(t, who.Draw(t, "who")) },
			"delete":  func(t *rapid.T) { w.remove(t, who.Draw(t, "who")) },
			"forward": func(t *rapid.T) { w.forward(t, who.Draw(t, "who")) },
			"": func(t *rapid.T) {
				if circles := w.postfix().Circles(); len(circles) > 0 {
					t.Fatalf("mail for %q goes in circles: %q", circles, w.h.routes())
				}
				if w.h.sound(); w.h.t.Failed() {
					t.Fatalf("rows: %q", w.h.routes())
				}
			},
		})
	})
}

func (w *aliasWorld) put(t *rapid.T, login string) {
	address, to := rapid.SampledFrom(w.pool).Draw(t, "address"), w.drawAddresses(t, "to")
	p := w.postfix()
	e := w.acts(t, login, func(tx *manage.Tx) error {
		_, _, err := tx.PutAlias(address, manage.AliasInput{Recipients: manage.Some(to)})
		return err
	})
	p[address] = append(w.self(address), to...)
	w.rightly(t, e, p, "%s to %q", address, to)
}

// self is what an internal alias says of an address.
func (w *aliasWorld) self(address string) []string {
	return w.h.rows(`SELECT r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		WHERE a.address = ? AND a.internal = ? AND a.enabled = ?`, address, true, true)
}

// rightly checks that what was refused as a circle would be one: p is what
// Postfix would have been told.
func (w *aliasWorld) rightly(t *rapid.T, e *manage.Error, p manage.Postfix, what string, args ...any) {
	if e == nil || e.Kind != manage.Conflict || !strings.Contains(e.Text, "circle") {
		return
	}
	if len(p.Circles()) == 0 {
		t.Fatalf("%s was refused (%s), but is no circle: %q", fmt.Sprintf(what, args...), e.Text, w.h.routes())
	}
}

// some draws an alias that there is.
func (w *aliasWorld) some(t *rapid.T) int64 {
	rows := w.h.rows("SELECT address FROM admin_alias WHERE internal = ?", false)
	if len(rows) == 0 {
		t.Skip("no alias")
	}
	return w.h.aliasID(rapid.SampledFrom(rows).Draw(t, "alias"))
}

func (w *aliasWorld) change(t *rapid.T, login string) {
	id, in := w.some(t), manage.AliasInput{}
	if rapid.Bool().Draw(t, "rename") {
		in.Address = manage.Some(rapid.SampledFrom(w.pool).Draw(t, "address"))
	}
	if rapid.Bool().Draw(t, "switch") {
		in.Enabled = manage.Some(rapid.Bool().Draw(t, "on"))
	}
	if rapid.Bool().Draw(t, "lead elsewhere") {
		in.Recipients = manage.Some(w.drawAddresses(t, "to"))
	}
	w.acts(t, login, func(tx *manage.Tx) error { _, err := tx.UpdateAlias(id, in); return err })
}

func (w *aliasWorld) remove(t *rapid.T, login string) {
	id := w.some(t)
	w.acts(t, login, func(tx *manage.Tx) error { return tx.DeleteAlias(id) })
}

// forward sets a forward, and reads what was set.
func (w *aliasWorld) forward(t *rapid.T, login string) {
	address := rapid.SampledFrom([]string{"ann@one.test", "bob@one.test", "cat@other.test"}).Draw(t, "account")
	f := manage.Forward{Recipients: w.drawAddresses(t, "to"), KeepCopies: rapid.Bool().Draw(t, "keep")}
	p := w.postfix()
	e := w.acts(t, login, func(tx *manage.Tx) error {
		account := w.h.userID(address)
		if err := tx.SetForward(account, f); err != nil {
			return err
		}
		got, err := tx.Forward(account)
		if err == nil && len(got.Recipients) > 0 && f.KeepCopies && !got.KeepCopies {
			t.Fatalf("set %+v, got %+v", f, got)
		}
		return err
	})
	if p[address] = f.Recipients; f.KeepCopies || len(f.Recipients) == 0 {
		p[address] = append([]string{address}, f.Recipients...)
	}
	w.rightly(t, e, p, "forward of %s %+v", address, f)
}

package manage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/property"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// postfix expands addresses as Postfix does (src/cleanup/cleanup_map1n.c,
// src/global/mail_addr_map.c): an answer takes the place of its address, until
// there is none or the address has expanded into itself.
type postfix map[string][]string

// answer is what the virtual alias map says of an address.
func (p postfix) answer(address string) []string {
	if to := p[address]; len(to) > 0 {
		return prefixed(address, to)
	}
	local, domain, _ := strings.Cut(address, "@")
	if name, extension, ok := strings.Cut(local, "+"); ok && name != "" {
		if to := p[name+"@"+domain]; len(to) > 0 {
			out := []string{}
			for _, r := range to {
				l, d, _ := strings.Cut(r, "@")
				out = append(out, l+"+"+extension+"@"+d)
			}
			return prefixed(address, out)
		}
	}
	return prefixed(address, p["@"+domain])
}

// prefixed puts the local part before an answer that begins with "@".
func prefixed(address string, to []string) []string {
	if len(to) == 0 || to[0][0] != '@' {
		return to
	}
	local, _, _ := strings.Cut(address, "@")
	return append([]string{local + to[0]}, to[1:]...)
}

// ends reports whether the expansion of an address comes to an end.
func (p postfix) ends(address string) bool {
	const limit = 300 // Postfix's is 1000; here there are some twenty addresses
	argv, been := []string{address}, map[string]bool{}
	for arg := 0; arg < len(argv); arg++ {
		for count := 0; !been[argv[arg]]; count++ {
			if count >= limit || len(argv) > limit {
				return false
			}
			from := argv[arg]
			to := p.answer(from)
			if len(to) == 0 {
				break
			}
			argv[arg] = to[0]
			argv = append(argv, to[1:]...)
			for _, r := range to {
				been[from] = been[from] || r == from
			}
		}
	}
	return true
}

// aliasWorld is what the properties are about.
type aliasWorld struct {
	h    *mailHost
	pool []string // addresses of aliases and of recipients
}

// postfix reads what Postfix is told.
func (w *aliasWorld) postfix() postfix {
	p := postfix{}
	for _, row := range w.h.rows(`SELECT a.address, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		WHERE a.enabled = ?`, true) {
		from, to, _ := strings.Cut(row, " ")
		p[from] = append(p[from], to)
	}
	return p
}

// circles are the addresses whose expansion does not come to an end: of all
// names that there are, in all domains, with all extensions. A name and an
// extension that nothing is known of stand for all others.
func (p postfix) circles() (out []string) {
	names, domains, extensions := map[string]bool{"anything": true}, map[string]bool{}, map[string]bool{"": true, "+any": true}
	note := func(address string) {
		local, domain, _ := strings.Cut(address, "@")
		name, extension, extended := strings.Cut(local, "+")
		domains[domain] = true
		if name != "" {
			names[name] = true
		}
		for extended { // recipients may have added what is before it
			extensions["+"+extension] = true
			_, extension, extended = strings.Cut(extension, "+")
		}
	}
	for from, to := range p {
		note(from)
		for _, r := range to {
			note(r)
		}
	}
	for name := range names {
		for domain := range domains {
			for extension := range extensions {
				if address := name + extension + "@" + domain; !p.ends(address) {
					out = append(out, address)
				}
			}
		}
	}
	slices.Sort(out)
	return out
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
		w.clear()
		t.Repeat(map[string]func(*rapid.T){
			"put":     func(t *rapid.T) { w.put(t, who.Draw(t, "who")) },
			"change":  func(t *rapid.T) { w.change(t, who.Draw(t, "who")) },
			"delete":  func(t *rapid.T) { w.remove(t, who.Draw(t, "who")) },
			"forward": func(t *rapid.T) { w.forward(t, who.Draw(t, "who")) },
			"": func(t *rapid.T) {
				if circles := w.postfix().circles(); len(circles) > 0 {
					t.Fatalf("mail for %q goes in circles: %q", circles, w.h.routes())
				}
				if w.h.sound(); w.h.t.Failed() {
					t.Fatalf("rows: %q", w.h.routes())
				}
			},
		})
	})
}

// clear takes away all aliases that were made. It asks nobody: on the way there
// could be a circle.
func (w *aliasWorld) clear() {
	for _, query := range []string{
		"DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE NOT internal)",
		`DELETE FROM core_objectaccess WHERE content_type_id = (SELECT id FROM django_content_type WHERE app_label = 'admin' AND model = 'alias')
			AND object_id IN (SELECT id FROM admin_alias WHERE NOT internal)`,
		"DELETE FROM admin_alias WHERE NOT internal",
		"UPDATE admin_alias SET enabled = TRUE",
		"DELETE FROM core_log",
	} {
		w.h.exec(query)
	}
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
func (w *aliasWorld) rightly(t *rapid.T, e *manage.Error, p postfix, what string, args ...any) {
	if e == nil || e.Kind != manage.Conflict || !strings.Contains(e.Text, "circle") {
		return
	}
	if len(p.circles()) == 0 {
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

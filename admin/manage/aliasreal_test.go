package manage_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// asModoboa is what the rows of an ordinary alias say, but for what is counted
// up and when it was.
func (h *mailHost) asModoboa(address string) []string {
	h.t.Helper()
	where := " WHERE lower(a.address) = '" + strings.ReplaceAll(address, "'", "''") + "' AND a.internal = ?"
	out := h.rows("SELECT 'alias', lower(a.address), lower(d.name), a.enabled, a.internal, a.description, a.expire_at FROM admin_alias a JOIN admin_domain d ON d.id = a.domain_id"+where, false)
	out = append(out, h.rows(`SELECT 'to', r.address, r.r_mailbox_id, lower(t.address) FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id
		LEFT JOIN admin_alias t ON t.id = r.r_alias_id`+where, false)...)
	return append(out, h.rows(`SELECT 'access', u.username, oa.is_owner FROM admin_alias a JOIN core_objectaccess oa ON oa.object_id = a.id
		JOIN django_content_type ct ON ct.id = oa.content_type_id JOIN core_user u ON u.id = oa.user_id`+where+" AND ct.model = 'alias'", false)...)
}

// TestAliasesLikeModoboas makes the aliases of real databases again, from what
// they read as, and compares the rows.
func TestAliasesLikeModoboas(t *testing.T) {
	eachRealHost(t, func(h *mailHost, t *testing.T, _ string) {
		type was struct {
			alias manage.Alias
			rows  []string
		}
		var all []was
		err := h.m.Read(t.Context(), h.as("admin"), func(tx *manage.Tx) error {
			p, err := tx.Aliases(manage.Query{Sort: "id"})
			for _, a := range p.Items {
				if !strings.HasPrefix(a.Address, "fwd") { // users made these
					all = append(all, was{alias: a})
				}
			}
			return err
		})
		if err != nil || len(all) < 15 {
			t.Fatalf("%d aliases, %v", len(all), err)
		}
		for i := range all {
			all[i].rows = h.asModoboa(strings.ToLower(all[i].alias.Address))
		}
		for _, w := range all {
			a := w.alias
			h.must("admin", func(tx *manage.Tx) error { return tx.DeleteAlias(a.ID) })
			h.must("admin", func(tx *manage.Tx) error {
				_, err := tx.CreateAlias(manage.AliasInput{
					Address: manage.Some(a.Address), Enabled: manage.Some(a.Enabled), Recipients: manage.Some(a.Recipients),
					Description: manage.Some(a.Description), ExpireAt: manage.Some(a.ExpireAt),
				})
				return err
			})
			if diff := cmp.Diff(w.rows, h.asModoboa(strings.ToLower(a.Address))); diff != "" {
				t.Errorf("%s (-Modoboa's +ours):\n%s", a.Address, diff)
			}
		}
	})
}

// TestRealHosts changes databases that Modoboa made.
func TestRealHosts(t *testing.T) {
	eachRealHost(t, func(h *mailHost, t *testing.T, release string) {
		newer := release != "1.10.0"
		// Modoboa's own answer lists 13: it leaves out the two that users made.
		err := h.m.Read(t.Context(), h.as("domadmin@example.test"), func(tx *manage.Tx) error {
			p, err := tx.Aliases(manage.Query{})
			if p.Total != 15 {
				t.Errorf("a domain administrator sees %d: %+v", p.Total, p.Items)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		for _, c := range []struct {
			login, address string
			to             []string
			want           string
		}{
			{"admin", "info@example.test", []string{"user1@example.test"}, "400 address: This alias already exists"},
			{"admin", "UPPER@example.test", []string{"user1@example.test"}, "400 address: This alias already exists"},
			{"admin", "dave@mixedcase.test", []string{"bob@mixedcase.test", "User1@example.test"}, ""},
			{"admin", "user5@example.test", []string{"user1@example.test"}, ""},
			{"admin", "nolocal@example.test", []string{"doesnotexist@example.test"}, "404 Local recipient doesnotexist@example.test not found"},
			{"admin", "x@alias.test", []string{"user1@example.test"}, "400 address: Domain not found."},
			{"admin", "todomain@example.test", []string{"someone@alias.test"}, ""},
			{"admin", "two@example.test", []string{"user1+a@example.test", "user1+b@example.test", "ext+tag@example.test"}, ""},
			{"user1@example.test", "mine@example.test", []string{"user1@example.test"}, "403 You do not have permission to perform this action."},
			{"domadmin@example.test", "da@example.test", []string{"user1@example.test"}, "400 address: Mailbox aliases: limit reached"},
		} {
			if got := h.act(c.login, func(t *manage.Tx) error { _, err := t.CreateAlias(aliasTo(c.address, c.to...)); return err }); got != c.want {
				t.Errorf("%s: %q, want %q", c.address, got, c.want)
			}
		}
		box := h.boxID("user1@example.test")
		if got := h.act("domadmin@example.test", func(t *manage.Tx) error {
			_, err := t.CreateSenderAddress(manage.SenderAddressInput{Address: manage.Some("x@relay.test"), Mailbox: manage.Some(box)})
			return err
		}); got != "400 address: You don't have access to this domain." {
			t.Error(got)
		}
		h.must("domadmin@example.test", func(t *manage.Tx) error {
			_, err := t.CreateSenderAddress(manage.SenderAddressInput{Address: manage.Some("x@far.test"), Mailbox: manage.Some(box)})
			return err
		})
		// Whether a forward keeps copies, as Modoboa and users made them.
		for account, want := range map[string]manage.Forward{
			"fwdkeep@example.test": {Recipients: []string{"away@remote.example"}, KeepCopies: true},
			"fwdonly@example.test": {Recipients: []string{"away@remote.example"}, KeepCopies: !newer},
			"user3@example.test":   {Recipients: []string{"fwd@remote.example"}, KeepCopies: true},
		} {
			f, blame := h.forward(account, account)
			if diff := cmp.Diff(&want, f); diff != "" || blame != "" {
				t.Errorf("%s: %q (-want +got):\n%s", account, blame, diff)
			}
		}
		later := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
		h.must("domadmin@example.test", func(t *manage.Tx) error {
			a, err := t.UpdateAlias(h.aliasID("info@example.test"), manage.AliasInput{
				Address: manage.Some("about@example.test"), ExpireAt: manage.Some(&later),
				Description: manage.Some("x"), Enabled: manage.Some(false),
			})
			if err == nil && (a.ExpireAt == nil || !a.ExpireAt.Equal(later) || a.Enabled || a.Description != "x") {
				h.t.Errorf("updated: %+v", a)
			}
			return err
		})
		sales := h.rows("SELECT r.address FROM modoboa_admin_aliasrecipient r JOIN admin_alias a ON a.id = r.alias_id WHERE a.address = 'sales@example.test'")
		if !slices.Equal(sales, []string{"about@example.test", "user4@example.test"}) {
			t.Errorf("sales leads to %q", sales)
		}
		h.must("user4@example.test", func(t *manage.Tx) error {
			return t.SetForward(h.userID("user4@example.test"), manage.Forward{Recipients: []string{"away@far.test"}})
		})
		want := map[bool]string{true: "away@far.test", false: "away@far.test user4@example.test"}[newer]
		if got := h.answers("user4@example.test"); got != want {
			t.Errorf("after a forward without copies: %q, want %q", got, want)
		}
		for _, account := range []string{"user4@example.test", "fwdonly@example.test", "fwdkeep@example.test"} {
			h.must(account, func(t *manage.Tx) error { return t.SetForward(h.userID(account), manage.Forward{}) })
			if got := h.answers(account); got != account {
				t.Errorf("after no forward any more: %q", got)
			}
		}
		h.sound()
	})
}

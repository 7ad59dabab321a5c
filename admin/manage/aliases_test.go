package manage_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestCreateAlias(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for _, c := range []struct {
			login, address string
			to             []string
			want           string // error, "" if it is made
		}{
			{"", "New@One.TEST", []string{"Ann@one.test", "Far@Far.TEST", "ann@ONE.test"}, ""},
			{"", "two@one.test", []string{"ann+a@one.test", "ann+b@one.test", "ann@one.test"}, ""},
			{"", "@one.test", []string{"ann@one.test"}, ""},
			{"", "x@relay.test", []string{"whoever@relay.test"}, ""},
			{"", "same@relay.test", []string{"same@relay.test", "copy@far.test"}, ""},
			{"", "ann@one.test", []string{"ann@one.test", "bob@one.test"}, ""},
			{"", "todomain@one.test", []string{"ann@alias.test"}, ""},
			{"", "@other.test", []string{"@far.test"}, ""},
			{"adm@one.test", "da@one.test", []string{"cat@other.test"}, ""},
			{"", "info@one.test", []string{"ann@one.test"}, "400 address: This alias already exists"},
			{"", "nolocal@one.test", []string{"nobody+x@one.test", "ann@one.test"}, "404 Local recipient nobody@one.test not found"},
			{"", "nolocal@one.test", []string{"b@one.test", "a@one.test", "ann@one.test"}, "404 Local recipient a@one.test, b@one.test not found"},
			{"", "empty@one.test", nil, "400 recipients: This list may not be empty."},
			{"", "loop@one.test", []string{"loop@one.test"}, "409 loop@one.test cannot be a recipient of itself."},
			{"", "loop@one.test", []string{"loop+x@one.test"}, "409 loop@one.test cannot be a recipient of itself."},
			{"", "x@alias.test", []string{"ann@one.test"}, "400 address: Domain not found."},
			{"", "notanaddress", []string{"a b@one.test", "c"}, `400 address: Enter a valid email address.; recipients: "a b@one.test": Enter a valid email address. "c": Enter a valid email address.`},
			{"", " ", []string{"@far.test", "ann@one.test"}, `400 address: This field may not be blank.; recipients: "@far.test" stands for the same name in another domain and must be the only recipient.`},
			{"ann@one.test", "mine@one.test", []string{"ann@one.test"}, "403 You do not have permission to perform this action."},
			{"adm@one.test", "new@other.test", []string{"ann@one.test"}, "400 address: Permission denied."},
			{"rita", "new@one.test", []string{"ann@one.test"}, "400 address: Permission denied."},
		} {
			got := h.act(c.login, func(t *manage.Tx) error { _, err := t.CreateAlias(aliasTo(c.address, c.to...)); return err })
			if got != c.want {
				t.Errorf("%s as %q: %q, want %q", c.address, c.login, got, c.want)
			}
		}
		want := []string{
			"@one.test > ann@one.test ann",
			"@other.test > @far.test -",
			"ann@one.test > ann@one.test ann", "ann@one.test > bob@one.test bob",
			"da@one.test > cat@other.test cat",
			"info@one.test > ann@one.test ann", "info@one.test > bob@one.test bob",
			"new@one.test > Far@far.test -", "new@one.test > ann@one.test ann",
			"only@one.test > info@one.test info@one.test",
			"sales@one.test > far@far.test -", "sales@one.test > info@one.test info@one.test",
			"same@relay.test > copy@far.test -", "same@relay.test > same@relay.test -",
			"theirs@other.test > cat@other.test cat",
			"todomain@one.test > ann@alias.test -",
			"two@one.test > ann+a@one.test -", "two@one.test > ann+b@one.test -", "two@one.test > ann@one.test ann",
			"x@relay.test > whoever@relay.test -",
		}
		if diff := cmp.Diff(want, h.routes()); diff != "" {
			t.Errorf("recipients (-want +got):\n%s", diff)
		}
		owners := h.rows(`SELECT u.username, oa.is_owner FROM core_objectaccess oa JOIN django_content_type ct ON ct.id = oa.content_type_id
			JOIN core_user u ON u.id = oa.user_id WHERE ct.model = 'alias' AND oa.object_id = ?`, h.aliasID("da@one.test"))
		if diff := cmp.Diff([]string{"adm@one.test 1", "admin 0"}, owners); diff != "" {
			t.Errorf("access (-want +got):\n%s", diff)
		}
		h.sound()
	})
}

func TestAliasFields(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		at := time.Date(2099, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600))
		in := aliasTo("new@one.test", "ann@one.test", "bob@one.test")
		in.ExpireAt, in.Description, in.Enabled = manage.Some(&at), manage.Some("two\nlines"), manage.Some(false)
		var made *manage.Alias
		h.must("", func(t *manage.Tx) (err error) { made, err = t.CreateAlias(in); return err })
		stored := at.UTC().Truncate(time.Microsecond)
		want := manage.Alias{
			ID: made.ID, Address: "new@one.test", Domain: "one.test", Recipients: []string{"ann@one.test", "bob@one.test"},
			Description: "two\nlines", ExpireAt: &stored, Created: made.Created, Modified: made.Modified,
		}
		if diff := cmp.Diff(&want, made); diff != "" || made.Created.IsZero() {
			t.Errorf("made (-want +got):\n%s", diff)
		}
		h.must("adm@one.test", func(t *manage.Tx) error {
			got, err := t.UpdateAlias(made.ID, manage.AliasInput{ExpireAt: manage.Some[*time.Time](nil), Enabled: manage.Some(true)})
			want.ExpireAt, want.Enabled = nil, true
			if err == nil {
				want.Modified = got.Modified
				if diff := cmp.Diff(&want, got); diff != "" {
					h.t.Errorf("updated (-want +got):\n%s", diff)
				}
			}
			return err
		})
		bad := aliasTo("bad@one.test", "ann@one.test")
		at = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
		bad.ExpireAt, bad.Description = manage.Some(&at), manage.Some("a\x00b")
		got := h.act("", func(t *manage.Tx) error { _, err := t.CreateAlias(bad); return err })
		if got != "400 description: Null characters are not allowed.; expire_at: Year out of range." {
			t.Error(got)
		}
		if log := h.rows("SELECT message FROM core_log WHERE message LIKE 'Alias new@%'"); !cmp.Equal(log, []string{
			"Alias new@one.test added by user root", "Alias new@one.test modified by user adm@one.test",
		}) {
			t.Errorf("log %q", log)
		}
	})
}

// TestWhoSeesAliases: lists and single ones alike.
func TestWhoSeesAliases(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		all := []string{"info@one.test", "only@one.test", "sales@one.test", "theirs@other.test"}
		for login, want := range map[string][]string{"": all, "admin": all, "adm@one.test": all[:3], "eve@other.test": all[3:], "rita": {}, "ann@one.test": {}} {
			err := h.m.Read(t.Context(), h.as(login), func(tx *manage.Tx) error {
				p, err := tx.Aliases(manage.Query{})
				got := []string{}
				for _, a := range p.Items {
					got = append(got, a.Address)
				}
				if diff := cmp.Diff(want, got); diff != "" || p.Total != len(want) {
					t.Errorf("%q sees %d (-want +got):\n%s", login, p.Total, diff)
				}
				for _, address := range all {
					_, err := tx.Alias(h.aliasID(address))
					_, byName := tx.AliasByAddress(address)
					if sees := err == nil; sees != slices.Contains(want, address) || sees != (byName == nil) {
						t.Errorf("%q, %s: %v, by address %v", login, address, err, byName)
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		// What another administrator made is seen too, though Modoboa gave no access to it.
		h.exec("DELETE FROM core_objectaccess WHERE object_id = ? AND content_type_id = (SELECT id FROM django_content_type WHERE model = 'alias') AND is_owner = ?", h.aliasID("info@one.test"), false)
		for login, want := range map[string]string{"adm@one.test": "", "eve@other.test": "404 There is no such alias.", "ann@one.test": "404 There is no such alias."} {
			got := h.act(login, func(t *manage.Tx) error {
				_, err := t.UpdateAlias(h.aliasID("info@one.test"), manage.AliasInput{Description: manage.Some("x")})
				return err
			})
			if got != want {
				t.Errorf("update as %s: %q, want %q", login, got, want)
			}
		}
	})
}

func TestListAliases(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for name, c := range map[string]struct {
			q     manage.Query
			want  []string
			total int
		}{
			"search":        {manage.Query{Search: "INFO"}, []string{"info@one.test"}, 1},
			"wildcards":     {manage.Query{Search: "s%t"}, []string{}, 0},
			"domain":        {manage.Query{Domain: "Other.test"}, []string{"theirs@other.test"}, 1},
			"no domain":     {manage.Query{Domain: "none.test"}, []string{}, 0},
			"page":          {manage.Query{Limit: 2, Offset: 1}, []string{"only@one.test", "sales@one.test"}, 4},
			"sorted":        {manage.Query{Sort: "id", Desc: true, Limit: 1}, []string{"theirs@other.test"}, 4},
			"by time":       {manage.Query{Sort: "created", Limit: 1}, []string{"info@one.test"}, 4},
			"enabled":       {manage.Query{Active: manage.Some(false)}, []string{}, 0},
			"internal":      {manage.Query{Internal: manage.Some(true), Search: "@alias"}, []string{"@alias.test"}, 1},
			"internal ones": {manage.Query{Internal: manage.Some(true), Limit: 1, Sort: "name"}, []string{"@alias.test"}, 7},
		} {
			err := h.m.Read(t.Context(), manage.Root(), func(tx *manage.Tx) error {
				p, err := tx.Aliases(c.q)
				got := []string{}
				for _, a := range p.Items {
					got = append(got, a.Address)
					if len(a.Recipients) == 0 {
						t.Errorf("%s: %s without recipients", name, a.Address)
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" || p.Total != c.total {
					t.Errorf("%s: total %d, want %d (-want +got):\n%s", name, p.Total, c.total, diff)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

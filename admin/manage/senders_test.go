package manage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func (h *mailHost) boxID(login string) int64 {
	h.t.Helper()
	return h.id("SELECT m.id FROM admin_mailbox m JOIN core_user u ON u.id = m.user_id WHERE u.username = ?", login)
}

func senderTo(address, mailbox string) manage.SenderAddressInput {
	return manage.SenderAddressInput{Address: manage.Some(address), MailboxName: manage.Some(mailbox)}
}

// senders are all extra sender addresses.
func (h *mailHost) senders() []string {
	h.t.Helper()
	return h.rows("SELECT s.address, m.address FROM admin_senderaddress s JOIN admin_mailbox m ON m.id = s.mailbox_id")
}

func TestSenderAddresses(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		ann := h.boxID("ann@one.test")
		const not, foreign, box = "403 You do not have permission to perform this action.", "400 address: You don't have access to this domain.", "400 mailbox: You don't have access to this mailbox."
		for _, c := range []struct {
			login string
			in    manage.SenderAddressInput
			want  string
		}{
			{"", manage.SenderAddressInput{Address: manage.Some("Boss@Remote.Example"), Mailbox: manage.Some(ann)}, ""},
			{"adm@one.test", senderTo("@remote2.example", "Ann@one.test"), ""},
			{"adm@one.test", senderTo("bob@one.test", "ann@one.test"), ""},
			{"adm@one.test", senderTo("ann@alias.test", "bob@one.test"), ""},
			{"", senderTo("cat@other.test", "ann@one.test"), ""},
			{"adm@one.test", senderTo("eve@other.test", "ann@one.test"), foreign},
			{"adm@one.test", senderTo("@other.test", "ann@one.test"), foreign},
			{"adm@one.test", senderTo("eve@otheralias.test", "ann@one.test"), foreign},
			{"adm@one.test", senderTo("x@relay.test", "cat@other.test"), "400 address: You don't have access to this domain.; mailbox: You don't have access to this mailbox."},
			{"adm@one.test", senderTo("x@far.test", "cat@other.test"), box},
			{"adm@one.test", senderTo("x@far.test", "none@one.test"), box},
			{"rita", senderTo("x@far.test", "ann@one.test"), box},
			{"ann@one.test", senderTo("x@far.test", "ann@one.test"), not},
			{"", senderTo("boss@remote.example", "ann@one.test"), "400 non_field_errors: The fields address, mailbox must make a unique set."},
			{"", senderTo("notanaddress", "ann@one.test"), "400 address: Enter a valid email address."},
			{"", senderTo("", "none@one.test"), "400 address: This field may not be blank.; mailbox: There is no mailbox none@one.test."},
			{"", manage.SenderAddressInput{}, "400 address: This field is required.; mailbox: This field is required."},
			{"", manage.SenderAddressInput{Address: manage.Some("x@far.test"), Mailbox: manage.Some[int64](99)}, `400 mailbox: Invalid pk "99" - object does not exist.`},
		} {
			if got := h.act(c.login, func(t *manage.Tx) error { _, err := t.CreateSenderAddress(c.in); return err }); got != c.want {
				t.Errorf("%+v as %q: %q, want %q", c.in, c.login, got, c.want)
			}
		}
		want := []string{"@remote2.example ann", "ann@alias.test bob", "bob@one.test ann", "boss@remote.example ann", "cat@other.test ann"}
		if diff := cmp.Diff(want, h.senders()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestChangeSenderAddresses(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for _, s := range [][2]string{{"a@far.test", "ann@one.test"}, {"b@far.test", "ann@one.test"}, {"cat@other.test", "ann@one.test"}, {"c@far.test", "cat@other.test"}} {
			h.must("", func(t *manage.Tx) error { _, err := t.CreateSenderAddress(senderTo(s[0], s[1])); return err })
		}
		id := func(address string) int64 {
			return h.id("SELECT id FROM admin_senderaddress WHERE address = ?", address)
		}
		for _, c := range []struct {
			login, address string
			in             manage.SenderAddressInput
			want           string
		}{
			{"adm@one.test", "a@far.test", manage.SenderAddressInput{MailboxName: manage.Some("bob@one.test")}, ""},
			{"adm@one.test", "b@far.test", manage.SenderAddressInput{Address: manage.Some("@Far.test")}, ""},
			{"", "@far.test", manage.SenderAddressInput{Address: manage.Some("cat@other.test")}, "400 non_field_errors: The fields address, mailbox must make a unique set."},
			{"adm@one.test", "cat@other.test", manage.SenderAddressInput{MailboxName: manage.Some("bob@one.test")}, "400 address: You don't have access to this domain."},
			{"adm@one.test", "@far.test", manage.SenderAddressInput{MailboxName: manage.Some("cat@other.test")}, "400 mailbox: You don't have access to this mailbox."},
			{"adm@one.test", "c@far.test", manage.SenderAddressInput{}, "404 There is no such sender address."},
			{"cat@other.test", "c@far.test", manage.SenderAddressInput{}, "404 There is no such sender address."},
		} {
			n := id(c.address)
			if got := h.act(c.login, func(t *manage.Tx) error { _, err := t.UpdateSenderAddress(n, c.in); return err }); got != c.want {
				t.Errorf("%s as %q: %q, want %q", c.address, c.login, got, c.want)
			}
		}
		for _, c := range [][3]string{{"adm@one.test", "cat@other.test", ""}, {"adm@one.test", "c@far.test", "404 There is no such sender address."}, {"ann@one.test", "@far.test", "404 There is no such sender address."}} {
			n := id(c[1])
			if got := h.act(c[0], func(t *manage.Tx) error { return t.DeleteSenderAddress(n) }); got != c[2] {
				t.Errorf("delete %s as %s: %q, want %q", c[1], c[0], got, c[2])
			}
		}
		if diff := cmp.Diff([]string{"@far.test ann", "a@far.test bob", "c@far.test cat"}, h.senders()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestListSenderAddresses(t *testing.T) {
	eachHost(t, func(h *mailHost, t *testing.T) {
		for _, s := range [][2]string{{"a@far.test", "ann@one.test"}, {"b@far.test", "bob@one.test"}, {"c@far.test", "cat@other.test"}} {
			h.must("", func(t *manage.Tx) error { _, err := t.CreateSenderAddress(senderTo(s[0], s[1])); return err })
		}
		for _, c := range []struct {
			login string
			q     manage.Query
			want  []string
		}{
			{"", manage.Query{}, []string{"a@far.test ann@one.test", "b@far.test bob@one.test", "c@far.test cat@other.test"}},
			{"adm@one.test", manage.Query{}, []string{"a@far.test ann@one.test", "b@far.test bob@one.test"}},
			{"ann@one.test", manage.Query{}, []string{}},
			{"", manage.Query{Search: "BOB@o"}, []string{"b@far.test bob@one.test"}},
			{"", manage.Query{Search: "c@f"}, []string{"c@far.test cat@other.test"}},
			{"", manage.Query{Domain: "one.test", Sort: "id", Desc: true}, []string{"b@far.test bob@one.test", "a@far.test ann@one.test"}},
			{"eve@other.test", manage.Query{Mailbox: h.boxID("cat@other.test")}, []string{"c@far.test cat@other.test"}},
			{"adm@one.test", manage.Query{Mailbox: h.boxID("cat@other.test")}, []string{}},
		} {
			err := h.m.Read(t.Context(), h.as(c.login), func(tx *manage.Tx) error {
				p, err := tx.SenderAddresses(c.q)
				got := []string{}
				for _, s := range p.Items {
					got = append(got, s.Address+" "+s.MailboxName)
				}
				if diff := cmp.Diff(c.want, got); diff != "" || p.Total != len(c.want) {
					t.Errorf("%+v as %q: total %d (-want +got):\n%s", c.q, c.login, p.Total, diff)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

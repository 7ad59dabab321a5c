package manage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// logins are those of a page of accounts, with its total.
func logins(p manage.Page[manage.Account]) string {
	out := []string{fmt.Sprint(p.Total)}
	for _, a := range p.Items {
		out = append(out, a.Username)
	}
	return strings.Join(out, " ")
}

func TestAccounts(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.exec("UPDATE core_user SET is_active = ? WHERE username = 'ben@one.test'", false)
		o.exec("UPDATE core_user SET email = 'box@elsewhere.test' WHERE username = 'sue'")
		for _, c := range []struct {
			login string
			q     manage.Query
			want  string
		}{
			{"", manage.Query{}, "7 amy@one.test ben@one.test chief dot@one.test kim@two.test ron sue"},
			{"chief", manage.Query{Limit: 2, Offset: 1}, "7 ben@one.test chief"},
			{"chief", manage.Query{Limit: 1, Desc: true}, "7 sue"},
			{"chief", manage.Query{Offset: 100}, "7"},
			{"chief", manage.Query{Search: "ONE.T"}, "3 amy@one.test ben@one.test dot@one.test"},
			{"chief", manage.Query{Search: "elsewhere"}, "1 sue"},
			{"chief", manage.Query{Search: "Kim"}, "1 kim@two.test"},
			{"chief", manage.Query{Search: "%"}, "0"},
			{"chief", manage.Query{Domain: "Two.test"}, "1 kim@two.test"},
			{"chief", manage.Query{Role: manage.SimpleUsers}, "3 amy@one.test ben@one.test kim@two.test"},
			{"chief", manage.Query{Role: manage.SuperAdmins}, "2 chief sue"},
			{"chief", manage.Query{Role: manage.Resellers, Sort: "role"}, "1 ron"},
			{"chief", manage.Query{Active: manage.Some(false)}, "1 ben@one.test"},
			{"chief", manage.Query{Sort: "role", Limit: 3, Desc: false}, "7 amy@one.test ben@one.test kim@two.test"},
			{"chief", manage.Query{Sort: "quota", Domain: "one.test"}, "3 ben@one.test dot@one.test amy@one.test"},
			{"chief", manage.Query{Sort: "last_login", Limit: 1}, "7 chief"},
			{"chief", manage.Query{Sort: "modified", Search: "two"}, "1 kim@two.test"},
			{"chief", manage.Query{Sort: "created; DROP TABLE core_user", Limit: 1}, "7 amy@one.test"},
			{"dot@one.test", manage.Query{}, "3 amy@one.test ben@one.test dot@one.test"},
			{"dot@one.test", manage.Query{Search: "kim"}, "0"},
			{"ron", manage.Query{}, "1 ron"},
			{"amy@one.test", manage.Query{}, "0"},
		} {
			o.must(c.login, func(tx *manage.Tx) error {
				p, err := tx.Accounts(c.q)
				if got := logins(p); got != c.want {
					t.Errorf("%s %+v: %q, want %q", c.login, c.q, got, c.want)
				}
				return err
			})
		}
	})
}

func TestAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		o.exec("UPDATE admin_quota SET bytes = 700, messages = 7 WHERE username = 'ben@one.test'")
		o.exec("UPDATE admin_mailbox SET message_limit = 5, is_send_only = ? WHERE address = 'ben'", true)
		ben := o.read("BEN@one.test ")
		five := int64(5)
		want := &manage.Account{
			ID: ben.ID, Username: "ben@one.test", FirstName: "Ben", LastName: "B", Email: "ben@one.test", Active: true, Local: true,
			Role: manage.SimpleUsers, Language: "en", Joined: ben.Joined, Mailbox: &manage.Mailbox{
				ID: ben.Mailbox.ID, Address: "ben@one.test",
				Domain: "one.test", Quota: 50, Used: 700, Messages: 7, MessageLimit: &five, SendOnly: true,
			},
		}
		if diff := cmp.Diff(want, ben); diff != "" || ben.Joined.IsZero() {
			t.Errorf("ben (-want +got):\n%s", diff)
		}
		if dot := o.read("dot@one.test"); dot.Role != manage.DomainAdmins || !cmp.Equal(dot.Domains, []string{"one.test"}) {
			t.Errorf("dot: %+v", dot)
		}
		for _, c := range []struct{ login, who, want string }{
			{"amy@one.test", "amy@one.test", ""}, // himself everyone
			{"amy@one.test", "ben@one.test", "404 There is no such account."},
			{"dot@one.test", "ben@one.test", ""},
			{"dot@one.test", "kim@two.test", "404 There is no such account."},
			{"dot@one.test", "chief", "404 There is no such account."},
			{"ron", "ron", ""},
			{"ron", "amy@one.test", "404 There is no such account."},
			{"chief", "nobody", "404 There is no such account."},
		} {
			told := o.act(c.login, func(t *manage.Tx) error { _, err := t.AccountByName(c.who); return err })
			if told != c.want {
				t.Errorf("%s reads %s: %q, want %q", c.login, c.who, told, c.want)
			}
		}
		for email, want := range map[string]bool{"BEN@one.test": true, "chief": true, "info@one.test": false, "": false} {
			o.must("amy@one.test", func(tx *manage.Tx) error {
				got, err := tx.AccountExists(email)
				if got != want {
					t.Errorf("account %q exists: %v", email, got)
				}
				return err
			})
		}
	})
}

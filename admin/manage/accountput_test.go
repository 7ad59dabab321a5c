package manage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestPutAccount(t *testing.T) {
	eachOffice(t, func(t *testing.T, o *office) {
		put := func(login, who string, in manage.AccountInput) (created bool, clear, told string) {
			t.Helper()
			told = o.act(login, func(tx *manage.Tx) (err error) {
				_, clear, created, err = tx.PutAccount(who, in)
				return err
			})
			return created, clear, told
		}
		in := manage.AccountInput{RandomPassword: true, FirstName: manage.Some("Put"), Phone: manage.Some("12345")}
		created, clear, told := put("dot@one.test", "Put@one.test", in)
		if !created || len(clear) < 12 || told != "" {
			t.Fatalf("first: %v %q %q", created, clear, told)
		}
		first := o.read("put@one.test")
		stored := o.rows("SELECT password FROM core_user WHERE id = ?", first.ID)
		if created, clear, told = put("dot@one.test", "put@one.test", in); created || clear != "" || told != "" {
			t.Errorf("second: %v %q %q", created, clear, told)
		}
		in.RandomPassword, in.Password = false, manage.Some(stored[0][len("{PLAIN}"):])
		if _, _, told := put("dot@one.test", "put@one.test", in); told != "" {
			t.Error(told)
		}
		if diff := cmp.Diff(first, o.read("put@one.test")); diff != "" {
			t.Errorf("what was put twice changed (-first +second):\n%s", diff)
		}
		if diff := cmp.Diff(stored, o.rows("SELECT password FROM core_user WHERE id = ?", first.ID)); diff != "" {
			t.Errorf("the password was changed:\n%s", diff)
		}
		// What is not said has its default.
		o.change("chief", "put@one.test", boxed(active(false), manage.MailboxInput{Quota: manage.Some(int64(3)), SendOnly: manage.Some(true)}))
		if _, _, told := put("dot@one.test", "put@one.test", manage.AccountInput{Username: manage.Some("PUT@one.test"), Password: manage.Some("Fresh123")}); told != "" {
			t.Error(told)
		}
		want := *first
		want.FirstName, want.Phone = "", ""
		if diff := cmp.Diff(&want, o.read("put@one.test")); diff != "" {
			t.Errorf("defaults (-want +got):\n%s", diff)
		}
		// An administrator's mailbox is not lost by not being said, his domains are.
		if _, _, told := put("chief", "dot@one.test", with(manage.AccountInput{}, manage.DomainAdmins)); told != "" {
			t.Error(told)
		}
		if a := o.read("dot@one.test"); a.Mailbox == nil || a.Role != manage.DomainAdmins || len(a.Domains) > 0 {
			t.Errorf("dot: %+v", a)
		}
		for _, c := range []struct {
			login, who string
			in         manage.AccountInput
			want       string
		}{
			{"dot@one.test", "kim@two.test", person("kim@two.test"), "404 There is no such account."},
			{"chief", "put@one.test", person("other@one.test"), "400 username: Must be the name under which the account is put."},
			{"chief", "chief", given(manage.Resellers), "403 You can't change your own role"},
			{"amy@one.test", "new@one.test", person("new@one.test"), "403 You do not have permission to perform this action."},
			{"amy@one.test", "amy@one.test", person("amy@one.test"), "403 You do not have permission to perform this action."},
			{"chief", "new@one.test", manage.AccountInput{}, "400 password: This field is required."},
		} {
			if _, _, told := put(c.login, c.who, c.in); told != c.want {
				t.Errorf("%s puts %s: %q, want %q", c.login, c.who, told, c.want)
			}
		}
		o.sound()
	})
}

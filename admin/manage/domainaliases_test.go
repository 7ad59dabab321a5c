package manage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

// aliasNames are those of a page of domain aliases, with what they lead to.
func aliasNames(p manage.Page[manage.DomainAlias]) string {
	var out []string
	for _, a := range p.Items {
		out = append(out, fmt.Sprintf("%s>%s:%v", a.Name, a.TargetName, a.Enabled))
	}
	return fmt.Sprintf("%d %s", p.Total, strings.Join(out, " "))
}

func (w *world) domainAlias(name string) int64 {
	w.t.Helper()
	return w.id("SELECT id FROM admin_domainalias WHERE name = ?", name)
}

func aliasInput(name, target string) manage.DomainAliasInput {
	return manage.DomainAliasInput{Name: some(name), TargetName: some(target)}
}

func TestDomainAliasLists(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.do("rita", func(t *manage.Tx) error {
			if _, err := t.CreateDomain(input("rita.test", 0, 0)); err != nil {
				return err
			}
			in := aliasInput("r-alias.test", "RITA.test")
			in.Enabled = some(false)
			_, err := t.CreateDomainAlias(in)
			return err
		})
		for _, c := range []struct {
			login string
			q     manage.Query
			want  string
		}{
			{"root", manage.Query{}, "2 alias.test>one.test:true r-alias.test>rita.test:false"},
			{"", manage.Query{Desc: true, Limit: 1}, "2 r-alias.test>rita.test:false"},
			{"root", manage.Query{Domain: "one.test"}, "1 alias.test>one.test:true"},
			{"root", manage.Query{Search: "R-AL"}, "1 r-alias.test>rita.test:false"},
			{"root", manage.Query{Active: some(true)}, "1 alias.test>one.test:true"},
			{"rita", manage.Query{Sort: "created"}, "1 r-alias.test>rita.test:false"},
			{"ann@one.test", manage.Query{}, "0 "},
			{"adm@one.test", manage.Query{}, "1 alias.test>one.test:true"},
		} {
			got := aliasNames(see(w, c.login, func(t *manage.Tx) (manage.Page[manage.DomainAlias], error) { return t.DomainAliases(c.q) }))
			if got != c.want {
				t.Errorf("%s %+v: %q, want %q", c.login, c.q, got, c.want)
			}
		}
		w.sound()
	})
}

func TestCreateDomainAlias(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.exec("INSERT INTO admin_alias (address, internal) VALUES ('@good.test', true)") // left behind by Modoboa
		two := w.domain("two.test")
		for _, c := range []struct {
			login string
			in    manage.DomainAliasInput
			want  string
		}{
			{"ann@one.test", aliasInput("x.test", "one.test"), "403 You do not have permission to perform this action."},
			{"adm@one.test", aliasInput("x.test", "one.test"), "403 You do not have permission to perform this action."},
			{"rita", aliasInput("x.test", "one.test"), "400 target: Permission denied."},
			{"root", aliasInput("Alias.test", "one.test"), "400 name: domain alias with this name already exists."},
			{"root", aliasInput("two.test", "one.test"), "400 name: domain with this name already exists"},
			{"root", manage.DomainAliasInput{}, "400 name: This field is required.; target: This field is required."},
			{"root", manage.DomainAliasInput{Name: some("a b"), Target: some[int64](999)}, `400 name: Enter a valid domain name; target: Invalid pk "999" - object does not exist.`},
			{"root", aliasInput(strings.Repeat("a.", 60)+"test", "no.test"), "400 name: \"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a....\" has 124 characters, 100 is the most (column admin_domainalias.name); target: The domain no.test does not exist."},
			{"root", aliasInput("good.test", "One.test"), ""},
			{"root", manage.DomainAliasInput{Name: some("Off.test"), Target: some(two), Enabled: some(false)}, ""},
		} {
			err := w.try(c.login, func(t *manage.Tx) error { _, err := t.CreateDomainAlias(c.in); return err })
			if got := w.blame(err); got != c.want {
				t.Errorf("%s %+v: %q, want %q", c.login, c.in, got, c.want)
			}
		}
		for query, want := range map[string][]string{
			"SELECT name, enabled FROM admin_domainalias": {"alias.test 1", "good.test 1", "off.test 0"},
			"SELECT a.address, a.enabled, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.domain_id IS NULL": {
				"@alias.test 1 @one.test", "@good.test 1 @one.test", "@off.test 1 @two.test",
			},
			`SELECT u.username, oa.is_owner FROM core_objectaccess oa JOIN core_user u ON u.id = oa.user_id JOIN django_content_type ct ON ct.id = oa.content_type_id
				JOIN admin_domainalias a ON a.id = oa.object_id WHERE ct.model = 'domainalias' AND a.name = 'good.test'`: {"adm@one.test 0", "root 1"},
			"SELECT message FROM core_log WHERE message LIKE '%good%'": {"Domain alias good.test added by user root"},
		} {
			if diff := cmp.Diff(want, w.rows(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		w.sound()
	})
}

func TestDomainAliasLimits(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.do("rita", func(t *manage.Tx) error { _, err := t.CreateDomain(input("rita.test", 0, 0)); return err })
		create := func(name string) string {
			return w.blame(w.try("rita", func(t *manage.Tx) error { _, err := t.CreateDomainAlias(aliasInput(name, "rita.test")); return err }))
		}
		w.limit("rita", "domain_aliases", 1)
		got := []string{create("a.test"), create("b.test")}
		w.limit("rita", "domain_aliases", -1)
		got = append(got, create("b.test"))
		w.parameters(map[string]map[string]any{"limits": {"enable_domain_limits": true}})
		w.do("rita", func(t *manage.Tx) error {
			return t.SetDomainLimits(w.domain("rita.test"), map[string]int64{"domain_aliases": 3})
		})
		got = append(got, create("c.test"), create("d.test"))
		const reached = "403 Domain aliases: limit reached"
		if diff := cmp.Diff([]string{"", reached, "", "", reached}, got); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
	})
}

func TestUpdateDomainAlias(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("domainalias;other.test;two.test;true\nalias;out@two.test;true;any@alias.test\n")
		w.exec("INSERT INTO admin_senderaddress (address, mailbox_id) SELECT 'x@alias.test', id FROM admin_mailbox WHERE address = 'cem'")
		w.exec("INSERT INTO vmapd_dkim_key (domain, selector, private_key_path, public_key) VALUES ('alias.test', 'a', '/a', 'A')")
		id, two := w.domainAlias("alias.test"), w.domain("two.test")
		update := func(login string, in manage.DomainAliasInput) string {
			return w.blame(w.try(login, func(t *manage.Tx) error { _, err := t.UpdateDomainAlias(id, in); return err }))
		}
		for _, c := range []struct {
			login string
			in    manage.DomainAliasInput
			want  string
		}{
			{"rita", manage.DomainAliasInput{Enabled: some(false)}, "404 There is no such domain alias."},
			{"root", manage.DomainAliasInput{Name: some("other.test")}, "400 name: domain alias with this name already exists."},
			{"root", manage.DomainAliasInput{Name: some("one.test")}, "400 name: domain with this name already exists"},
			{"root", manage.DomainAliasInput{Target: some[int64](0)}, `400 target: Invalid pk "0" - object does not exist.`},
			{"root", manage.DomainAliasInput{Enabled: some(false)}, ""},
			{"root", manage.DomainAliasInput{Target: some(two), Name: some("Alias9.test")}, ""},
		} {
			if got := update(c.login, c.in); got != c.want {
				t.Errorf("%s %+v: %q, want %q", c.login, c.in, got, c.want)
			}
		}
		for query, want := range map[string][]string{
			"SELECT name, enabled, target_id FROM admin_domainalias WHERE enabled = false": {fmt.Sprint("alias9.test 0 ", two)},
			"SELECT a.address, a.enabled, r.address FROM admin_alias a JOIN modoboa_admin_aliasrecipient r ON r.alias_id = a.id WHERE a.domain_id IS NULL": {
				"@alias9.test 1 @two.test", "@other.test 1 @two.test",
			},
			"SELECT address FROM modoboa_admin_aliasrecipient WHERE address LIKE 'any%'": {"any@alias9.test"},
			"SELECT address FROM admin_senderaddress":                                    {"x@alias9.test"},
			"SELECT domain FROM vmapd_dkim_key":                                          {"alias9.test"},
		} {
			if diff := cmp.Diff(want, w.rows(query)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", query, diff)
			}
		}
		w.sound()
		w.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE alias_id IN (SELECT id FROM admin_alias WHERE address = '@alias9.test')")
		w.exec("DELETE FROM admin_alias WHERE address = '@alias9.test'")
		if got := update("root", manage.DomainAliasInput{Enabled: some(true)}); got != "" {
			t.Errorf("a lost internal alias: %q", got)
		}
		w.sound()
	})
}

// TestRetargetDomainAlias: who sees a domain alias changes with its domain.
func TestRetargetDomainAlias(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.csv("account;bea;{PLAIN}x;;;true;DomainAdmins;;0;two.test\n")
		w.do("root", func(t *manage.Tx) error { _, err := t.CreateDomainAlias(aliasInput("x.test", "one.test")); return err })
		id := w.domainAlias("x.test")
		seen := func(login string) string {
			return aliasNames(see(w, login, func(t *manage.Tx) (manage.Page[manage.DomainAlias], error) {
				return t.DomainAliases(manage.Query{Search: "x."})
			}))
		}
		got := []string{seen("adm@one.test"), seen("bea")}
		if got := w.blame(w.try("adm@one.test", func(t *manage.Tx) error { return t.DeleteDomainAlias(id) })); got != "403 You do not have permission to perform this action." {
			t.Errorf("a domain administrator deletes: %q", got)
		}
		w.do("root", func(t *manage.Tx) error {
			_, err := t.UpdateDomainAlias(id, manage.DomainAliasInput{TargetName: some("two.test")})
			return err
		})
		got = append(got, seen("adm@one.test"), seen("bea"))
		if diff := cmp.Diff([]string{"1 x.test>one.test:true", "0 ", "0 ", "1 x.test>two.test:true"}, got); diff != "" {
			t.Errorf("seen before and after (-want +got):\n%s", diff)
		}
		w.sound()
	})
}

func TestPutAndDeleteDomainAlias(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			login, name string
			in          manage.DomainAliasInput
			want        string
			created     bool
		}{
			{"root", "Put.test", manage.DomainAliasInput{TargetName: some("one.test"), Enabled: some(false)}, "put.test>one.test:false", true},
			{"root", "put.test", manage.DomainAliasInput{TargetName: some("two.test")}, "put.test>two.test:true", false},
			{"root", "put.test", manage.DomainAliasInput{}, "400 target: This field is required.", false},
			{"root", "put.test", aliasInput("x.test", "two.test"), "400 name: This is not the name that is asked for, put.test.", false},
			{"rita", "put.test", manage.DomainAliasInput{TargetName: some("two.test")}, "400 name: domain alias with this name already exists.; target: Permission denied.", false},
		} {
			var a *manage.DomainAlias
			var created bool
			err := w.try(c.login, func(t *manage.Tx) (err error) {
				a, created, err = t.PutDomainAlias(c.name, c.in)
				return err
			})
			got := w.blame(err)
			if err == nil {
				got = fmt.Sprintf("%s>%s:%v", a.Name, a.TargetName, a.Enabled)
			}
			if got != c.want || err == nil && created != c.created {
				t.Errorf("%s %s %+v: %q, created %v", c.login, c.name, c.in, got, created)
			}
		}
		id := w.domainAlias("put.test")
		if got := w.blame(w.try("rita", func(t *manage.Tx) error { return t.DeleteDomainAlias(id) })); got != "404 There is no such domain alias." {
			t.Errorf("a reseller deletes: %q", got)
		}
		w.do("root", func(t *manage.Tx) error { return t.DeleteDomainAlias(id) })
		if got := w.rows("SELECT address FROM admin_alias WHERE domain_id IS NULL"); len(got) != 1 {
			t.Errorf("internal aliases: %q", got)
		}
		w.sound()
	})
}

package outside

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// good is a directory with which nothing is wrong.
func good() *LDAP {
	return &LDAP{
		Servers: []string{"ldap.test:636"}, Security: SSL, BindDN: "cn=a,dc=test", BindPassword: "x", SearchBase: "dc=test", SearchFilter: "(mail=%(user)s)",
		UserDN: "uid=%(user)s,dc=test", GroupType: PosixGroup,
	}
}

func TestProblems(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*LDAP)
		want   []string
	}{
		"none":              {func(*LDAP) {}, nil},
		"clear":             {func(l *LDAP) { l.Security = Plain }, []string{"unwise ldap_secured"}},
		"clear, local":      {func(l *LDAP) { l.Security, l.Servers = Plain, []string{"127.0.0.1:389"} }, nil},
		"clear, localhost":  {func(l *LDAP) { l.Security, l.Servers = Plain, []string{"localhost:389"} }, nil},
		"unknown security":  {func(l *LDAP) { l.Security = "yes" }, []string{"fatal ldap_secured"}},
		"no server":         {func(l *LDAP) { l.Servers = nil }, []string{"fatal ldap_server_address"}},
		"no port":           {func(l *LDAP) { l.Servers = []string{"ldap.test"} }, []string{"fatal ldap_server_address"}},
		"no mark":           {func(l *LDAP) { l.SearchFilter = "(mail=ann)" }, []string{"fatal ldap_search_filter"}},
		"false mark":        {func(l *LDAP) { l.SearchFilter = "(mail=%%(user)s)" }, []string{"fatal ldap_search_filter"}},
		"no filter":         {func(l *LDAP) { l.SearchFilter = "mail=%(user)s)" }, []string{"fatal ldap_search_filter"}},
		"no base":           {func(l *LDAP) { l.SearchBase = "" }, []string{"unwise ldap_search_base"}},
		"no bind password":  {func(l *LDAP) { l.BindPassword = "" }, []string{"fatal ldap_bind_password"}},
		"no DN":             {func(l *LDAP) { l.BindDN = "vmapd" }, []string{"fatal ldap_bind_dn"}},
		"UPN":               {func(l *LDAP) { l.BindDN, l.ActiveDirectory = "vmapd@corp.test", true }, nil},
		"direct":            {func(l *LDAP) { l.DirectBind, l.SearchFilter = true, "" }, nil},
		"template, no mark": {func(l *LDAP) { l.DirectBind, l.UserDN = true, "uid=ann,dc=test" }, []string{"fatal ldap_user_dn_template"}},
		"template, no DN":   {func(l *LDAP) { l.DirectBind, l.UserDN = true, "%(user)s" }, []string{"fatal ldap_user_dn_template"}},
		"groups":            {func(l *LDAP) { l.AdminGroups, l.GroupType = []string{"a"}, "x" }, []string{"fatal ldap_group_type", "fatal ldap_groups_search_base"}},
		"AD in clear":       {func(l *LDAP) { l.ActiveDirectory, l.Security, l.Servers = true, Plain, []string{"[::1]:389"} }, []string{"unwise ldap_secured"}},
		"CA":                {func(l *LDAP) { l.CAFile = filepath.Join(t.TempDir(), "none") }, []string{"fatal ca_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := good()
			tc.change(l)
			var got []string
			for _, p := range (&Settings{LDAP: l}).Problems() {
				got = append(got, fmt.Sprintf("%s %s", map[bool]string{true: "fatal", false: "unwise"}[p.Fatal], p.Setting))
				if p.Text == "" || p.Remedy == "" {
					t.Errorf("%+v says nothing", p)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if p := (&Settings{SMTP: &SMTP{Server: "mail.test:25", Security: Plain}}).Problems(); len(p) != 1 || p[0].Setting != "smtp_security" {
		t.Errorf("a mail server in clear: %+v", p)
	}
}

func TestAdmins(t *testing.T) {
	if diff := cmp.Diff([]string{"a b", "c"}, Admins(" a b ;;c; ")); diff != "" || Admins(" ") != nil {
		t.Error(diff)
	}
}

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What doveconf -n of Dovecot 2.4 prints of a host that asks vmapd.
const dovecot24 = `# 2.4.4 (0123456789): /etc/dovecot/dovecot.conf
dovecot_config_version = 2.4.0
auth_socket_path = /run/vmapd/auth-master
auth_master_socket_path = /run/vmapd/auth-master
login_socket_path = /run/vmapd/auth
first_valid_uid = 500
mail_plugins {
  quota = yes
  quota_clone = yes
}
protocols {
  imap = yes
  lmtp = yes
}
quota "User quota" {
  quota_driver = count
}
quota_clone {
  dict proxy {
    dict_proxy_name = quota_clone
    dict_proxy_socket_path = /run/vmapd/dict
  }
}
last_login {
  dict proxy {
    dict_proxy_socket_path = /run/vmapd/dict
  }
}
service lmtp {
  unix_listener /queue/private/dovecot-lmtp {
    mode = 0600
    user = postfix
  }
}
protocol imap {
  mail_plugins {
    last_login = yes
  }
}
`

func dovecotOf(text string) *Dovecot {
	return &Dovecot{
		Version: "2.4.4", Conf: ParseDoveconf(text), Want: ParseDoveconf(dovecot24), Files: map[string]string{},
		Dict: "/run/vmapd/dict", Auth: "/run/vmapd/auth", Master: "/run/vmapd/auth-master", LMTP: "/queue/private/dovecot-lmtp", Delimiter: "+", UID: 5000, GID: 5000,
	}
}

func TestDovecot24Checks(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		want           []string
	}{
		{"well", "", "", nil},
		{"old logins", "auth_socket_path = /run/vmapd/auth-master\nauth_master", "passdb sql {\n  query = SELECT\n}\nuserdb sql {\n}\nauth_master", []string{"dovecot-sql warning: passdb", "dovecot-sql warning: userdb"}},
		{"another login socket", "login_socket_path = /run/vmapd/auth", "login_socket_path = login", []string{"dovecot-auth error: login_socket_path"}},
		{"no plugin", "quota_clone = yes", "", []string{"dovecot-quota warning: quota_clone"}},
		{"another dict", "dict_proxy_name = quota_clone\n    dict_proxy_socket_path = /run/vmapd/dict", "dict_proxy_socket_path = dict", []string{"dovecot-quota warning: quota_clone"}},
		{"no last logins", "last_login = yes", "", []string{"dovecot-last-login info: last_login"}},
		{"no LMTP", "unix_listener /queue", "unix_listener /elsewhere", []string{"dovecot-lmtp error: /queue/private/dovecot-lmtp"}},
		{"LMTP is not served", "  lmtp = yes\n", "", []string{"dovecot-lmtp error: /queue/private/dovecot-lmtp"}},
		{"user", "first_valid_uid = 500", "first_valid_uid = 5001", []string{"dovecot-uid error: first_valid_uid"}},
		{"delimiter", "first_valid_uid = 500", "recipient_delimiter = -", []string{"dovecot-delimiter error: recipient_delimiter"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if !strings.Contains(dovecot24, tc.from) {
				t.Fatal("nothing is spoilt")
			}
			finds(t, visit(t, &Host{Dovecot: dovecotOf(strings.ReplaceAll(dovecot24, tc.from, tc.to))}, "dovecot"), tc.want...)
		})
	}
	finds(t, visit(t, &Host{Dovecot: &Dovecot{Missing: "doveconf is not installed"}}, "dovecot"), "dovecot-installed info: Dovecot")
}

// TestDovecotCache: the cache of Dovecot's own auth service, which the dict route
// has.
func TestDovecotCache(t *testing.T) {
	for size, want := range map[string][]string{"0": nil, "10 M": {"dovecot-cache info: auth_cache_size"}, "": nil} {
		d := dovecotOf("passdb {\n driver = dict\n args = /etc/auth\n}\nuserdb {\n driver = dict\n args = /etc/auth\n}\nauth_cache_size = " + size)
		d.Version, d.WantFiles = "2.3.19", []string{"uri = proxy:/run/vmapd/dict:auth"}
		d.Files["/etc/auth"] = "# a comment\nuri=proxy:/run/vmapd/dict:auth\n"
		finds(t, visit(t, &Host{Dovecot: d}, "dovecot-cache", "dovecot-auth"), want...)
		if got := d.ArgsFiles(); !slices.Equal(got, []string{"/etc/auth"}) {
			t.Errorf("files %q", got)
		}
	}
}

// TestDovecotLMTP: Dovecot's own socket needs no setting.
func TestDovecotLMTP(t *testing.T) {
	for socket, want := range map[string][]string{
		"/run/dovecot/lmtp": nil, "/var/run/dovecot/lmtp": nil, "/run/dovecot/extra": nil, "/run/other/lmtp": {"dovecot-lmtp error: /run/other/lmtp"},
	} {
		d := dovecotOf("protocols = imap lmtp\nservice lmtp {\n unix_listener extra {\n }\n}\n")
		d.LMTP = socket
		finds(t, visit(t, &Host{Dovecot: d}, "dovecot-lmtp"), want...)
	}
}

func TestDovecotClients(t *testing.T) {
	d := dovecotOf(dovecot24)
	for _, tc := range []struct {
		protocol, file string
		uids           []int
	}{
		{"dict", "/run/vmapd/dict", []int{5000}}, {"auth-master", "/run/vmapd/auth-master", []int{5000}}, {"dict", "/elsewhere", nil}, {"milter", "/run/vmapd/dict", nil},
	} {
		var uids []int
		for _, c := range d.ClientsOf(tc.protocol, tc.file) {
			uids = append(uids, c.UID)
		}
		if !slices.Equal(uids, tc.uids) {
			t.Errorf("%s %s: %v, want %v", tc.protocol, tc.file, uids, tc.uids)
		}
	}
	d.Conf.Values["default_login_user"] = "root" // who is there on every machine
	if got := d.ClientsOf("auth", "/run/vmapd/auth"); len(got) != 1 || got[0].Name != "root" {
		t.Errorf("login processes are %v", got)
	}
}

func TestParseDoveconf(t *testing.T) {
	s := ParseDoveconf("a = 1\n# b = 2\n b=x = y {\nservice  imap {\n  c =\n  unix_listener /a b {\n d = 3\n}\n}\n}\nservice lmtp {\n c = 4\n}\nservice lmtp {\n c = 5\n")
	want := &Section{Values: map[string]string{"a": "1", "b": "x = y {"}, Sections: []*Section{
		{Name: "service imap", Values: map[string]string{"c": ""}, Sections: []*Section{{Name: "unix_listener /a b", Values: map[string]string{"d": "3"}}}},
		{Name: "service lmtp", Values: map[string]string{"c": "4"}},
		{Name: "service lmtp", Values: map[string]string{"c": "5"}},
	}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for path, value := range map[string]string{"a": "1", "service imap/unix_listener /a b/d": "", "service lmtp/c": "5", "service pop3/c": "", "": ""} {
		if got := s.value(path); got != value {
			t.Errorf("%s is %q, want %q", path, got, value)
		}
	}
	if !s.mentions("/a b") || !s.mentions("x =") || s.mentions("2") {
		t.Error("what is mentioned is not found, or more")
	}
}

func TestParsePostconf(t *testing.T) {
	got := ParsePostconf("a = 1\nsmtp/inet/b = x = y\nc =\npostconf: warning: d = 2\n=\n\nlast=3")
	want := map[string]string{"a": "1", "smtp/inet/b": "x = y", "c": "", "last": "3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// FuzzParseDoveconf: what was read, and written again, reads the same.
func FuzzParseDoveconf(f *testing.F) {
	f.Add(dovecot24)
	f.Add("passdb {\n driver = dict\n")
	f.Add("}\n{\n = \n a b = {\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := ParseDoveconf(text)
		var b strings.Builder
		write(&b, s)
		if diff := cmp.Diff(s, ParseDoveconf(b.String())); diff != "" {
			t.Errorf("%q: read (-) and read again (+):\n%s", text, diff)
		}
		d := dovecotOf(text)
		for _, c := range Checks() {
			if c.Group == "dovecot" {
				r := &run{Input: &Input{}, checks: []Check{c}, found: make([]findings, 1)}
				c.look.host(r, &Host{Dovecot: d})
			}
		}
	})
}

func write(b *strings.Builder, s *Section) {
	for _, name := range slices.Sorted(maps.Keys(s.Values)) {
		fmt.Fprintf(b, "%s = %s\n", name, s.Values[name])
	}
	for _, sub := range s.Sections {
		fmt.Fprintf(b, "%s {\n", sub.Name)
		write(b, sub)
		b.WriteString("}\n")
	}
}

// FuzzParsePostconf: likewise; and no main.cf makes a check fail.
func FuzzParsePostconf(f *testing.F) {
	f.Add("virtual_alias_maps = proxy:pgsql:/x/sql-aliases.cf, socketmap:unix:private/vmapd:aliases")
	f.Add("smtp/inet/chroot = y\nsmtpd_milters = unix:/x\n")
	f.Add("relay_domains = socketmap: proxy: tcp: socketmap:unix::\nqueue_directory = \n")
	f.Fuzz(func(t *testing.T, text string) {
		m := ParsePostconf(text)
		var b strings.Builder
		for name, value := range m {
			fmt.Fprintf(&b, "%s = %s\n", name, value)
		}
		if diff := cmp.Diff(m, ParsePostconf(b.String())); diff != "" {
			t.Errorf("%q: read (-) and read again (+):\n%s", text, diff)
		}
		p := wired()
		p.Set, p.Values, p.Overrides, p.Services = m, m, m, m
		for _, c := range Checks() {
			if c.Group == "postfix" {
				r := &run{Input: &Input{}, checks: []Check{c}, found: make([]findings, 1)}
				c.look.host(r, &Host{Postfix: p})
			}
		}
	})
}

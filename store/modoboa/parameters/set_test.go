package parameters

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDefaults(t *testing.T) {
	for _, c := range []struct {
		name    string
		release Release
		want    any
		absent  bool
	}{
		{"core.log_maximum_age", Modoboa110, int64(365), false},
		{"core.default_password", Modoboa110, "password", false},
		{"core.default_password", Modoboa271, "ChangeMe1!", false},
		{"core.enable_inactive_accounts", Modoboa110, true, true},
		{"core.enable_inactive_accounts", Modoboa117, true, false},
		{"core.message_history_maximum_age", Modoboa22, int64(180), true},
		{"core.message_history_maximum_age", Modoboa23, int64(180), false},
		{"admin.default_mailbox_message_limit", Modoboa271, nil, false},
		{"admin.mailboxes_owner", Modoboa271, "vmail", false},
		{"limits.deflt_domain_mailboxes_limit", Modoboa116, int64(0), false},
	} {
		for _, stored := range []string{"", "{}", "null", `{"amavis": 3}`} {
			s := Parse(stored, c.release, nil)
			if v := *s.at(c.name); v.Value != c.want || v.Origin != Default || v.Absent != c.absent || s.Has(c.name) == c.absent {
				t.Errorf("%s in %s with %q: %+v, want %v", c.name, c.release, stored, v, c.want)
			}
			if p := s.Problems(); len(p) > 0 {
				t.Errorf("%q: %v", stored, p)
			}
		}
	}
}

func TestStored(t *testing.T) {
	for _, c := range []struct {
		stored  string
		name    string
		want    any
		origin  Origin
		problem string
	}{
		{`{"core": {"log_maximum_age": 7}}`, "core.log_maximum_age", int64(7), Stored, ""},
		{`{"core": {"log_maximum_age": "7"}}`, "core.log_maximum_age", int64(7), Stored, ""},
		{`{"core": {"log_maximum_age": 7.0}}`, "core.log_maximum_age", int64(7), Stored, ""},
		{`{"core": {"log_maximum_age": 7.5}}`, "core.log_maximum_age", int64(365), Default, "is no whole number"},
		{`{"core": {"log_maximum_age": 1e300}}`, "core.log_maximum_age", int64(365), Default, "is no whole number"},
		{`{"core": {"log_maximum_age": [7]}}`, "core.log_maximum_age", int64(365), Default, "is no whole number"},
		{`{"core": {"log_maximum_age": true}}`, "core.log_maximum_age", int64(365), Default, "is no whole number"},
		{`{"core": {"log_maximum_age": null}}`, "core.log_maximum_age", int64(365), Default, "is null"},
		{`{"core": {"update_scheme": false}}`, "core.update_scheme", false, Stored, ""},
		{`{"core": {"update_scheme": "no"}}`, "core.update_scheme", true, Default, "is neither true nor false"},
		{`{"core": {"ldap_search_filter": "(uid=%(user)s)"}}`, "core.ldap_search_filter", "(uid=%(user)s)", Stored, ""},
		{`{"core": {"ldap_search_filter": 3}}`, "core.ldap_search_filter", "(mail=%(user)s)", Default, "is no text"},
		{`{"core": {"ldap_bind_dn": null}}`, "core.ldap_bind_dn", "", Stored, ""},
		{`{"admin": {"default_domain_message_limit": null}}`, "admin.default_domain_message_limit", nil, Stored, ""},
		{`{"admin": {"default_domain_message_limit": 0}}`, "admin.default_domain_message_limit", int64(0), Stored, ""},
		{`{"core": 3}`, "core.log_maximum_age", int64(365), Default, "core: is no JSON object"},
		{`[1]`, "core.log_maximum_age", int64(365), Default, "_parameters is no JSON object"},
		{`{"core"`, "core.log_maximum_age", int64(365), Default, "_parameters is no JSON object"},
	} {
		s := Parse(c.stored, Modoboa271, nil)
		if v := s.at(c.name); v.Value != c.want || v.Origin != c.origin {
			t.Errorf("%s: %+v, want %v, %s", c.stored, *v, c.want, c.origin)
		}
		text := fmt.Sprint(s.Problems())
		if c.problem == "" && text != "[]" || !strings.Contains(text, c.problem) {
			t.Errorf("%s: problems %s, want %q", c.stored, text, c.problem)
		}
	}
}

func TestOverrides(t *testing.T) {
	o := Overrides{}
	for text, want := range map[string]string{
		"core.log_maximum_age=90": "", " core.update_scheme = false ": "", "admin.default_mailbox_message_limit=null": "", "admin.valid_mxs=192.0.2.0/24 2001:db8::/32": "",
		"core.log_maximum_age": "is not app.name=value", "core.log_age=1": `there is no parameter "core.log_age"`,
		"core.rounds_number=many": `core.rounds_number: "many" is no whole number`, "core.enable_inactive_accounts=yes": "is neither true nor false",
	} {
		err := o.Set(text, "vmapd.toml:3:7")
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	s := Parse(`{"core": {"log_maximum_age": "wrong", "update_scheme": true}, "admin": {"default_mailbox_message_limit": 4}}`, Modoboa110, o)
	if s.Number(LogMaximumAge) != 90 || s.Flag(UpdateScheme) || s.Text(ValidMXs) != "192.0.2.0/24 2001:db8::/32" {
		t.Errorf("what the file sets is not in effect: %v", s.Values())
	}
	if _, ok := s.Optional(DefaultMailboxMessageLimit); ok {
		t.Error("a limit that the file takes away is still there")
	}
	if v := s.at(string(LogMaximumAge)); v.Origin != File || v.Place != "vmapd.toml:3:7" {
		t.Errorf("%+v", v)
	}
	if p := s.Problems(); len(p) > 0 {
		t.Errorf("a stored value that does not count is a problem: %v", p)
	}
	if !s.Has(string(DefaultMailboxMessageLimit)) {
		t.Error("a parameter that the file sets is not there")
	}
}

// TestEveryNameIsDefined holds the constants against the table of definitions.
func TestEveryNameIsDefined(t *testing.T) {
	kinds := map[string]string{}
	for _, d := range definitions() {
		if kinds[d.name] != "" {
			t.Errorf("%s is defined twice", d.name)
		}
		kinds[d.name] = map[string]string{"bool": "Flag", "int64": "Number", "string": "Text", "*int64": "Optional"}[fmt.Sprintf("%T", d.value)]
	}
	f, err := parser.ParseFile(token.NewFileSet(), "keys.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			name, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			named[name] = v.Type.(*ast.Ident).Name
		}
		return true
	})
	for name := range kinds {
		if strings.HasPrefix(name, limitApp+"deflt_") {
			delete(kinds, name)
		}
	}
	if d := cmp.Diff(kinds, named); d != "" {
		t.Errorf("(-definitions +constants)\n%s", d)
	}
}

func TestLimits(t *testing.T) {
	l := Parse(`{"limits": {"deflt_user_domains_limit": 3, "deflt_domain_mailboxes_limit": 4}}`, Modoboa271, nil).Limits()
	if l["deflt_user_domains_limit"] != 3 || l["deflt_domain_mailboxes_limit"] != 4 || l["deflt_user_quota_limit"] != 0 || len(l) != 10 {
		t.Errorf("%v", l)
	}
}

// FuzzParse: whatever is stored, every parameter has a value of its kind.
func FuzzParse(f *testing.F) {
	f.Add(`{"core": {"log_maximum_age": 7, "update_scheme": "x"}, "admin": null}`)
	f.Add(`{"limits": {"deflt_user_quota_limit": -1e999}}`)
	f.Add(`{"core": {"ldap_server_port": "0x10"}}`)
	f.Fuzz(func(t *testing.T, stored string) {
		s := Parse(stored, Modoboa271, nil)
		for _, d := range definitions() {
			v := s.at(d.name)
			ok := false
			switch d.value.(type) {
			case bool:
				_, ok = v.Value.(bool)
			case int64:
				_, ok = v.Value.(int64)
			case string:
				_, ok = v.Value.(string)
			default:
				_, ok = v.Value.(int64)
				ok = ok || v.Value == nil
			}
			if !ok {
				t.Errorf("%s is %T", d.name, v.Value)
			}
		}
		if !json.Valid([]byte(stored)) && strings.TrimSpace(stored) != "" && len(s.Problems()) == 0 {
			t.Error("what is no JSON is no problem")
		}
	})
}

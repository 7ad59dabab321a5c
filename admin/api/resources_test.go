package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// good are requests by the super administrator that must work, in order, one at
// least for each route but those of views_test.go. "{x}" is the pk of the answer
// to the request with as = "x".
var good = []struct {
	as, method, path, body string
	status                 int
	want                   map[string]any // fields of the answer
}{
	{
		"domain", post, "domains/", `{"name": "New.Test", "quota": "2GB", "default_mailbox_quota": 100, "message_limit": null}`, 201,
		map[string]any{"name": "new.test", "quota": "2048", "default_mailbox_quota": "100", "enabled": true, "dkim_private_key_path": "", "transport": nil},
	},
	{"", get, "domains/", "", 200, map[string]any{"0.name": "new.test"}},
	{"", get, "domains/{domain}/", "", 200, map[string]any{"quota": "2048"}},
	{"", put, "domains/{domain}/", `{"name": "new.test", "enabled": "false"}`, 200, map[string]any{"enabled": false, "quota": "2048"}},
	{"", patch, "domains/{domain}/", `{"enabled": 1, "quota": "4 GB"}`, 200, map[string]any{"enabled": true, "quota": "4096"}},
	{"", get, "domains/by-name/NEW.test", "", 200, map[string]any{"name": "new.test"}},
	{"", put, "domains/by-name/put.test", `{"quota": 10}`, 201, map[string]any{"quota": "10"}},
	{"", put, "domains/by-name/put.test", `{"default_mailbox_quota": 5, "quota": 20}`, 200, map[string]any{"quota": "20", "default_mailbox_quota": "5"}},
	{"", put, "domains/by-name/put.test", `{}`, 200, map[string]any{"quota": "0", "default_mailbox_quota": "0"}},
	{"", del, "domains/by-name/put.test", "", 204, nil},
	{"", get, "domains/{domain}/administrators/", "", 200, map[string]any{}},
	{"rita", get, "accounts/by-name/rita", "", 200, map[string]any{"role": "Resellers", "mailbox": nil, "phone_number": nil}},
	{"", post, "domains/{domain}/administrators/", `{"account": "adm@one.test"}`, 200, map[string]any{"0.username": "adm@one.test"}},
	{"adm", get, "accounts/by-name/adm@one.test", "", 200, map[string]any{"domains.0": "new.test", "domains.1": "one.test"}},
	{"", del, "domains/{domain}/administrators/{adm}/", "", 204, nil},
	{"", get, "domains/{domain}/limits/", "", 200, map[string]any{}},

	{
		"relay", post, "relaydomains/", `{"name": "r.test", "transport": {"service": "relay", "_settings": "{\"relay_target_host\": \"192.0.2.1\", \"relay_target_port\": \"2525\"}"}}`, 201,
		map[string]any{"transport._settings.relay_target_host": "192.0.2.1", "transport._settings.relay_target_port": 2525.0, "transport._settings.relay_verify_recipients": false},
	},
	{"", get, "relaydomains/", "", 200, map[string]any{"0.name": "relay.test"}},
	{"", get, "relaydomains/{relay}/", "", 200, map[string]any{"name": "r.test"}},
	{"", get, "relaydomains/{relay}/?compat=1.10", "", 200, map[string]any{"transport._settings": "{'relay_target_host': '192.0.2.1', 'relay_target_port': 2525, 'relay_verify_recipients': False}"}},
	{
		"", put, "relaydomains/{relay}/", `{"name": "r.test", "transport": {"service": "relay", "settings": {"relay_target_host": "mx.far.test", "relay_verify_recipients": true}}}`, 200,
		map[string]any{"transport._settings.relay_target_host": "mx.far.test", "transport._settings.relay_target_port": 25.0, "transport._settings.relay_verify_recipients": true},
	},
	{"", patch, "relaydomains/{relay}/", `{"enabled": false}`, 200, map[string]any{"enabled": false, "transport._settings.relay_target_host": "mx.far.test"}},
	{"", get, "relaydomains/by-name/r.test", "", 200, map[string]any{"enabled": false}},
	{"", put, "relaydomains/by-name/r2.test", `{"transport": {"_settings": {"relay_target_host": "mx.far.test"}}}`, 201, map[string]any{"name": "r2.test"}},
	{"", del, "relaydomains/by-name/r2.test", "", 204, nil},
	{"", del, "relaydomains/{relay}/", "", 204, nil},

	{"dalias", post, "domainaliases/", `{"name": "Other.test", "target": {domain}}`, 201, map[string]any{"name": "other.test", "target_name": "new.test", "enabled": true}},
	{"", get, "domainaliases/", "", 200, map[string]any{"0.name": "alias.test"}},
	{"", get, "domainaliases/{dalias}/", "", 200, map[string]any{"name": "other.test"}},
	{"", put, "domainaliases/{dalias}/", `{"name": "other.test", "target": "one.test"}`, 200, map[string]any{"target_name": "one.test"}},
	{"", patch, "domainaliases/{dalias}/", `{"enabled": false}`, 200, map[string]any{"enabled": false, "target_name": "one.test"}},
	{"", get, "domainaliases/by-name/other.test", "", 200, map[string]any{"enabled": false}},
	{"", put, "domainaliases/by-name/third.test", `{"target_name": "one.test"}`, 201, map[string]any{"target_name": "one.test"}},
	{"", del, "domainaliases/by-name/third.test", "", 204, nil},
	{"", del, "domainaliases/{dalias}/", "", 204, nil},

	{
		"account", post, "accounts/", `{"username": "Zoe@new.test", "role": "SimpleUsers", "password": "Secret4all", "mailbox": {"use_domain_quota": false, "quota": "1GB", "message_limit": 5}, "aliases": ["z@new.test"]}`, 201,
		map[string]any{"username": "zoe@new.test", "mailbox.full_address": "zoe@new.test", "mailbox.quota": "1024", "mailbox.message_limit": 5.0, "password": nil, "mailbox.quota_usage": 0.0},
	},
	{"", get, "accounts/", "", 200, map[string]any{"0.username": "adm@one.test"}},
	{"", get, "accounts/exists/?email=zoe@new.test", "", 200, map[string]any{"exists": true}},
	{"", get, "accounts/exists/?email=nobody@new.test", "", 200, map[string]any{"exists": false}},
	{"", get, "accounts/{account}/", "", 200, map[string]any{"first_name": "", "tfa_enabled": false, "last_login": nil}},
	{"", put, "accounts/{account}/", `{"username": "zoe@new.test", "role": "SimpleUsers", "first_name": "Zoe"}`, 200, map[string]any{"first_name": "Zoe", "mailbox.quota": "1024"}},
	{"", patch, "accounts/{account}/", `{"random_password": true, "phone_number": "123"}`, 200, map[string]any{"phone_number": "123"}},
	{"", put, "accounts/{account}/password/", `{"new_password": "Secret5all"}`, 200, map[string]any{}},
	{"", get, "accounts/{account}/forward/", "", 200, map[string]any{"keepcopies": false}},
	{"", put, "accounts/{account}/forward/", `{"recipients": "a@far.test, b@far.test", "keepcopies": false}`, 200, map[string]any{"recipients.1": "b@far.test", "keepcopies": false}},
	{"", put, "accounts/by-name/max@new.test", `{"role": "SimpleUsers", "password": "Secret4all", "mailbox": {"use_domain_quota": true}}`, 201, map[string]any{"mailbox.quota": "100"}},
	{"", put, "accounts/by-name/max@new.test", `{"role": "SimpleUsers", "mailbox": {"use_domain_quota": true}}`, 200, map[string]any{"is_active": true}},
	{"", del, "accounts/by-name/max@new.test", "", 204, nil},
	{"", get, "counters/", "", 200, map[string]any{"0.username": "adm@one.test", "0.used": 0.0}},
	{"", get, "resources/{rita}/", "", 200, map[string]any{"domains": 0.0}},
	{"", put, "resources/{rita}/", `{"domains": 5, "domain_aliases": 5, "mailboxes": 5, "mailbox_aliases": 5, "domain_admins": -1, "quota": 100}`, 200, map[string]any{"domains": 5.0, "domain_admins": -1.0}},
	{"", patch, "resources/{rita}/", `{"domains": "7"}`, 200, map[string]any{"domains": 7.0, "quota": 100.0}},
	{"", post, "tokens/", `{"user": "rita"}`, 201, map[string]any{}},
	{"", get, "tokens/", "", 200, map[string]any{"0.username": "rita"}},
	{"", del, "tokens/{rita}/", "", 204, nil},

	{
		"alias", post, "aliases/", `{"address": "Team@new.test", "recipients": ["zoe@new.test", "x@far.test"], "description": "us", "expire_at": "2099-01-01T00:00:00Z"}`, 201,
		map[string]any{"address": "team@new.test", "internal": false, "recipients.0": "x@far.test", "description": "us", "expire_at": "2099-01-01T00:00:00Z"},
	},
	{"", get, "aliases/", "", 200, map[string]any{"0.address": "@two.test"}},
	{"", get, "aliases/{alias}/", "", 200, map[string]any{"address": "team@new.test"}},
	{"", put, "aliases/{alias}/", `{"address": "team@new.test", "recipients": "zoe@new.test", "expire_at": null}`, 200, map[string]any{"recipients.0": "zoe@new.test", "expire_at": nil}},
	{"", patch, "aliases/{alias}/", `{"enabled": "no"}`, 200, map[string]any{"enabled": false}},
	{"", get, "aliases/by-name/team@new.test", "", 200, map[string]any{"description": "us"}},
	{"", put, "aliases/by-name/@new.test", `{"recipients": ["zoe@new.test"]}`, 201, map[string]any{"address": "@new.test"}},
	{"", put, "aliases/by-name/a%2Fb@new.test", `{"recipients": ["zoe@new.test"]}`, 201, map[string]any{"address": "a/b@new.test"}},
	{"", del, "aliases/by-name/@new.test", "", 204, nil},
	{"", del, "aliases/{alias}/", "", 204, nil},

	{"zoe", get, "accounts/{account}/", "", 200, nil},
	{"sender", post, "senderaddresses/", `{"address": "Boss@far.test", "mailbox": "zoe@new.test"}`, 201, map[string]any{"address": "boss@far.test", "mailbox_name": "zoe@new.test"}},
	{"", get, "senderaddresses/", "", 200, map[string]any{"0.address": "boss@far.test"}},
	{"", get, "senderaddresses/{sender}/", "", 200, map[string]any{"address": "boss@far.test"}},
	{"", put, "senderaddresses/{sender}/", `{"address": "chief@far.test", "mailbox": "ann@one.test"}`, 200, map[string]any{"mailbox_name": "ann@one.test"}},
	{"", patch, "senderaddresses/{sender}/", `{"address": "@far.test"}`, 200, map[string]any{"address": "@far.test"}},
	{"", del, "senderaddresses/{sender}/", "", 204, nil},
	{"", del, "accounts/{account}/", "", 204, nil},
	{"", get, "log/", "", 200, map[string]any{"0.level": "info"}},
	{"", del, "domains/{domain}/", "", 204, nil},
}

// TestResources goes through the resources on every engine; every answer is as
// openapi.yaml describes it.
func TestResources(t *testing.T) {
	s := described(t)
	eachEngine(t, func(t *testing.T, w *world) {
		w.t = t
		pks, seen := map[string]string{}, map[string]bool{}
		fill := func(text string) string {
			for name, pk := range pks {
				text = strings.ReplaceAll(text, "{"+name+"}", pk)
			}
			return text
		}
		for _, g := range good {
			path := "/api/v1/" + fill(g.path)
			var body any
			if g.body != "" {
				body = fill(g.body)
			}
			r := w.must(g.status, "root", g.method, path, body)
			if g.as != "" {
				pks[g.as] = fmt.Sprint(r.field("pk"))
			}
			for field, want := range g.want {
				if got := r.field(field); got != want {
					t.Errorf("%s %s: %s is %v, want %v: %s", g.method, path, field, got, want, r.text)
				}
			}
			name := w.done[len(w.done)-1].Route
			seen[name] = true
			if !strings.Contains(g.path, "compat") {
				s.checkAnswer(t, routeCalled(name), r)
			}
			if strings.Contains(r.text, "{PLAIN}") || strings.Contains(r.text, "Secret") {
				t.Errorf("%s %s: the answer tells a password: %s", g.method, path, r.text)
			}
		}
		for _, route := range Routes() {
			if route.plan != nil && !seen[route.Name] && route.Name != "setDomainLimits" { // which must be switched on
				t.Errorf("no request to %s", route.Name)
			}
		}
	})
}

func routeCalled(name string) *Route {
	all := Routes()
	if i := slices.IndexFunc(all, func(r Route) bool { return r.Name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

// TestErrors wants bad input to be told by field, with the status that fits.
func TestErrors(t *testing.T) {
	w := sqliteWorld(t)
	s := described(t)
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
		field, want             string
	}{
		{"root", post, "domains/", `{"name": `, 400, "detail", "JSON parse error - unexpected end of JSON input at byte 9"},
		{"root", post, "domains/", `[1]`, 400, "non_field_errors.0", "Invalid data. Expected a dictionary."},
		{"root", post, "domains/", `null`, 400, "name.0", "This field is required."},
		{"root", post, "domains/", "", 400, "name.0", "This field is required."},
		{"root", post, "domains/", `{"name": null}`, 400, "name.0", "This field may not be null."},
		{"root", post, "domains/", `{"name": ["a.test"]}`, 400, "name.0", "Not a valid string."},
		{"root", post, "domains/", `{"name": "a\u0000.test"}`, 400, "name.0", "Null characters and broken UTF-8 are not allowed."},
		{"root", post, "domains/", `{"name": "a.test", "quota": "ten"}`, 400, "quota.0", "Invalid quota: give a number of MB, or one with K, M, G or T behind it."},
		{"root", post, "domains/", `{"name": "a.test", "quota": -1}`, 400, "quota.0", "Ensure this value is greater than or equal to 0."},
		{"root", post, "domains/", `{"name": "a.test", "quota": "9999T"}`, 400, "quota.0", "Ensure this value is less than or equal to 2147483647."},
		{"root", post, "domains/", `{"name": "a.test", "enabled": "perhaps"}`, 400, "enabled.0", "Must be a valid boolean."},
		{"root", post, "domains/", `{"name": "a.test", "message_limit": 1.5}`, 400, "message_limit.0", "A valid integer is required."},
		{"root", post, "domains/", `{"name": "a.test", "type": "strange"}`, 400, "type.0", `"strange" is not a valid choice.`},
		{"root", post, "domains/", `{"name": "one.test"}`, 400, "name.0", "domain with this name already exists."},
		{"root", get, "domains/999/", "", 404, "detail", "There is no such domain."},
		{"root", get, "domains/x/", "", 404, "detail", "Not found."},
		{"root", get, "domains/99999999999999999999/", "", 404, "detail", "Not found."},
		{"root", get, "nothing/", "", 404, "detail", "There is no such path: see /docs/api/."},
		{"root", put, "domains/1/", `{}`, 400, "name.0", "This field is required."},
		{"root", put, "domains/by-name/x.test", `{"name": "y.test"}`, 400, "name.0", `The path says "x.test": rename with PATCH by pk.`},
		{"root", put, "domains/by-name/x.test", `{"qouta": 1}`, 400, "qouta.0", "There is no such field."},
		{"root", get, "domains/by-name/a%00b", "", 404, "detail", "Not found."},
		{"root", post, "relaydomains/", `{"name": "r.test", "transport": "x"}`, 400, "transport.0", "Invalid data. Expected a dictionary."},
		{"root", post, "relaydomains/", `{"name": "r.test", "transport": {"service": "relay"}}`, 400, "transport._settings.0", "This field is required."},
		{"root", post, "relaydomains/", `{"name": "r.test", "transport": {"_settings": {"relay_target_host": "h.test", "relay_target_port": 0}}}`, 400, "transport._settings.relay_target_port.0", "Ensure this value is greater than or equal to 1."},
		{"root", post, "accounts/", `{"username": "x@one.test", "role": "Kings", "password": "Secret4all"}`, 400, "role.0", `"Kings" is not a valid choice.`},
		{"root", post, "accounts/", `{"username": "x@one.test", "role": "SimpleUsers", "password": "Secret4all", "mailbox": {"quota": "much"}}`, 400, "mailbox.quota.0", "Invalid quota: give a number of MB, or one with K, M, G or T behind it."},
		{"root", post, "aliases/", `{"address": "a@one.test", "recipients": []}`, 400, "recipients.0", "This list may not be empty."},
		{"root", post, "aliases/", `{"address": "a@one.test", "recipients": [null]}`, 400, "recipients.0", "This field may not be null."},
		{"root", post, "aliases/", `{"address": "a@one.test", "recipients": ["b@one.test"]}`, 404, "error", "Local recipient b@one.test not found"},
		{"root", post, "aliases/", `{"address": "a@one.test", "recipients": ["x@far.test"], "expire_at": "soon"}`, 400, "expire_at.0", ""},
		{"root", post, "aliases/", `{"address": "a@one.test", "recipients": ["x@far.test"], "expire_at": "0001-01-01T00:00:00+14:00"}`, 400, "expire_at.0", "Datetime value out of range."},
		{"root", put, "resources/1/", `{"quota": -1}`, 400, "quota.0", "Ensure this value is greater than or equal to 0."},
		{"root", put, "resources/1/", `{}`, 400, "non_field_errors.0", "Name at least one limit to set."},
		{"root", get, "accounts/exists/", "", 400, "email.0", "This field is required."},
		{"root", get, "domains/?ordering=moon", "", 400, "ordering.0", `"moon" is no field to sort by.`},
		{"root", get, "domains/?page=0", "", 404, "detail", "Invalid page."},
		{"root", get, "domains/?page=99", "", 404, "detail", "Invalid page."},
		{"root", get, "domains/?page_size=x", "", 400, "page_size.0", ""},
		{"root", get, "domains/?type=strange", "", 400, "type.0", `"strange" is not a valid choice.`},
		{"root", get, "domains/?enabled=perhaps", "", 400, "enabled.0", "Must be a valid boolean."},
		{"root", get, "domains/?search=%ff", "", 400, "search.0", ""},
		{"root", post, "domains/?wait=godot", `{"name": "a.test"}`, 400, "wait.0", `"godot" is not served.`},
		{"root", post, "tokens/", `{"user": "nobody"}`, 400, "user.0", "There is no such account."},
		{"adm@one.test", get, "domains/by-name/two.test", "", 404, "detail", "There is no such domain."},
		{"adm@one.test", post, "domains/", `{"name": "a.test"}`, 403, "detail", "You do not have permission to perform this action."},
		{"ann@one.test", post, "aliases/", "not even JSON", 403, "detail", "You do not have permission to perform this action."},
	} {
		var body any
		if tt.body != "" {
			body = tt.body
		}
		r := w.ask(tt.who, tt.method, "/api/v1/"+tt.path, body)
		got := r.field(tt.field)
		if r.status != tt.status || got == nil || tt.want != "" && got != tt.want {
			t.Errorf("%s %s %s: status %d, want %d; %s is %v, want %q: %s", tt.method, tt.path, tt.body, r.status, tt.status, tt.field, got, tt.want, r.text)
		}
		if name := w.done[len(w.done)-1].Route; name != "" {
			s.checkAnswer(t, routeCalled(name), r)
		}
		if r.status >= 400 && r.field("request_id") == nil {
			t.Errorf("%s %s: no request id: %s", tt.method, tt.path, r.text)
		}
	}
	if n := len(w.must(http.StatusOK, "root", get, "/api/v1/domains/", nil).body.([]any)); n != 3 {
		t.Errorf("%d domains: what was refused was kept", n)
	}
}

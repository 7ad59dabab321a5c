package api

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// fuzzer makes requests of random numbers.
type fuzzer struct{ *rand.Rand }

func pick[T any](f fuzzer, all ...T) T { return all[f.IntN(len(all))] }

// values that a field may have, good and bad.
func (f fuzzer) value(depth int) any {
	switch f.IntN(14) {
	case 0:
		return nil
	case 1:
		return f.IntN(2) == 0
	case 2:
		return pick[any](f, 0, 1, -1, 2, 100, 2147483647, 2147483648, 1e300, 1.5)
	case 3:
		return pick(f, "", "0", "10GB", "true", "\u0000", "\ufffd", "é", "😀", "İ", strings.Repeat("x", 300), "'; DROP TABLE core_user --", "%", "{SHA}x")
	case 4, 5:
		return pick(f, "new.test", "one.test", "other.test", "relay.test", "x y", "ß.test", "😀.test", "-.test", ".", "a..b", strings.Repeat("a.", 130)+"test")
	case 6, 7:
		return pick(f, "new@one.test", "ann@one.test", "bob+x@one.test", "info@one.test", "@one.test", "a@b@one.test", "x@far.test", "@", "😀@one.test", "é@one.test", "a\"b@one.test", "rita", "NEW@ONE.TEST")
	case 8:
		return pick(f, "SimpleUsers", "DomainAdmins", "Resellers", "SuperAdmins", "Kings")
	case 9:
		return pick(f, "Secret4all", "short", "2030-01-01T00:00:00Z", "2030-13-01", "domain", "relaydomain")
	case 10, 11:
		if depth > 2 {
			return []any{}
		}
		list := []any{}
		for range f.IntN(4) {
			list = append(list, f.value(depth+1))
		}
		return list
	default:
		if depth > 2 {
			return map[string]any{}
		}
		return f.object(depth + 1)
	}
}

// fieldNames are those of all inputs.
var fieldNames = []string{
	"name", "type", "enabled", "quota", "default_mailbox_quota", "enable_dkim", "dkim_key_selector", "dkim_key_length", "message_limit", "enable_dns_checks", "transport",
	"service", "_settings", "settings", "relay_target_host", "relay_target_port", "relay_verify_recipients", "target", "target_name", "username", "first_name", "last_name", "is_active",
	"master_user", "role", "language", "phone_number", "secondary_email", "password", "new_password", "password_hash", "random_password", "mailbox", "full_address", "use_domain_quota", "is_send_only",
	"domains", "aliases", "address", "recipients", "description", "expire_at", "keepcopies", "mailbox_name", "account", "user", "domain_aliases", "mailboxes", "mailbox_aliases", "domain_admins",
	"actions", "dry_run", "method", "path", "body", "selector", "algorithm", "bits",
}

func (f fuzzer) object(depth int) map[string]any {
	o := map[string]any{}
	for range f.IntN(7) {
		o[pick(f, fieldNames...)] = f.value(depth)
	}
	return o
}

// sensible is a body that often works on a route.
func (f fuzzer) sensible(pattern string) map[string]any {
	local, domain := pick(f, "a", "b", "ann", "bob", "info", "new"), pick(f, "one.test", "new.test", "needletwo.test")
	resource, _, _ := strings.Cut(strings.TrimPrefix(pattern, base), "/")
	var o map[string]any
	switch {
	case strings.HasSuffix(pattern, "/password/"):
		o = map[string]any{"password": "x", "new_password": "Secret4all"}
	case strings.HasSuffix(pattern, "/forward/"):
		o = map[string]any{"recipients": pick(f, "x@far.test", "bob@one.test", ""), "keepcopies": f.IntN(2) == 0}
	case strings.HasSuffix(pattern, "/administrators/"), resource == "tokens":
		o = map[string]any{"user": 1 + f.IntN(8), "account": 1 + f.IntN(8)}
	case resource == "domains" && !strings.HasSuffix(pattern, "/limits/"):
		o = map[string]any{"name": pick(f, "new.test", "newer.test", "new"+fmt.Sprint(f.IntN(50))+".test"), "quota": pick(f, 0, 100, 5000)}
	case resource == "relaydomains":
		o = map[string]any{"name": "r" + fmt.Sprint(f.IntN(50)) + ".test", "transport": map[string]any{"service": "relay", "_settings": map[string]any{"relay_target_host": "192.0.2.1", "relay_target_port": 25}}}
	case resource == "domainaliases":
		o = map[string]any{"name": "alias" + fmt.Sprint(f.IntN(50)) + ".test", "target": 1 + f.IntN(5)}
	case resource == "accounts":
		o = map[string]any{"username": local + fmt.Sprint(f.IntN(30)) + "@" + domain, "role": pick(f, "SimpleUsers", "SimpleUsers", "DomainAdmins"), "password": "Secret4all", "mailbox": map[string]any{"use_domain_quota": true}}
	case resource == "aliases":
		o = map[string]any{"address": local + fmt.Sprint(f.IntN(30)) + "@" + domain, "recipients": []any{pick(f, "x@far.test", "ann@one.test", "cem@needletwo.test", "a1@one.test")}}
	case resource == "senderaddresses":
		o = map[string]any{"address": pick(f, "boss@far.test", "@far.test", local+"@"+domain), "mailbox": 1 + f.IntN(6)}
	default:
		o = map[string]any{"domains": 5, "mailboxes": 5, "mailbox_aliases": 5, "quota": 10}
	}
	if strings.HasSuffix(pattern, "{name}") {
		delete(o, pick(f, "name", "username", "address"))
	}
	if f.IntN(4) == 0 {
		o[pick(f, fieldNames...)] = f.value(0)
	}
	return o
}

func (f fuzzer) body(pattern string) any {
	switch f.IntN(12) {
	case 0:
		return pick(f, "", "{", "null", "[]", `"x"`, "\xff", `{"name": "\ud800"}`, strings.Repeat(`{"a":`, 200)+"1")
	case 1, 2, 3:
		return f.object(0)
	case 4:
		actions := []any{}
		for range f.IntN(5) {
			r := pick(f, Routes()...)
			actions = append(actions, map[string]any{"method": r.Method, "path": f.path(r.Pattern), "body": f.sensible(r.Pattern)})
		}
		return map[string]any{"actions": actions, "dry_run": f.IntN(2) == 0}
	}
	return f.sensible(pattern)
}

func (f fuzzer) path(pattern string) string {
	name := pick(f, "one.test", "needletwo.test", "new.test", "ann@one.test", "cem@needletwo.test", "info@one.test", "needlealias.test", "needlerelay.test", "rita", "%00", "%ff", "a%2Fb", "..", "@one.test")
	pk := fmt.Sprint(1 + f.IntN(12))
	if f.IntN(4) == 0 {
		pk = pick(f, "0", "-1", "2147483648", "x", "99999999999999999999", "1%20")
	}
	return strings.NewReplacer("{pk}", pk, "{account}", fmt.Sprint(f.IntN(9)), "{name}", name, "{domain}", name).Replace(pattern)
}

func (f fuzzer) query() string {
	q := url.Values{}
	for range max(0, f.IntN(6)-2) {
		q.Set(pick(f, "search", "ordering", "page", "page_size", "domain", "role", "type", "enabled", "internal", "mailbox", "email", "table", "key", "address", "login", "compat", "wait", "keepdir", "used", "level", "is_active"),
			pick(f, "", "1", "-1", "name", "-created", "quota", "role", "last_login", "one.test", "needletwo.test", "cem@needletwo.test", "aliases", "true", "x", "1.10", "served", "%", "_", "!", "\xff", "999999999999", "'", "😀", "é", "\x00"))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

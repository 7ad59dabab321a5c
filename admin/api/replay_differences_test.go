package api

import (
	"regexp"
	"strings"
)

// difference is a way in which answers differ from Modoboa's on purpose;
// docs/api.md has the list for people.
type difference struct {
	releases string // "1.10.0", "2.9.3" or both
	request  string // a pattern: who, method, path and name of what is asked about
	field    string // a pattern of the field, "status" for the whole answer
	why      string
}

func (d *difference) in(release string) bool { return strings.Contains(d.releases, release) }

const (
	both       = "1.10.0 2.9.3"
	folded     = "names and addresses are folded, as Modoboa itself does since 1.10.7"
	sentence   = "an error that is a sentence is an object with detail and error, not a bare string, and may have other words"
	second     = "only Modoboa's second API has it"
	otherName  = "a domain may not be called like a domain alias, and the other way round"
	carried    = "renaming carries everything along"
	secret     = "a stored hash is never told, and nothing about what was asked for"
	theAddress = "it is another address, and log entries are counted otherwise"
)

var differences = []difference{
	{"1.10.0", "admin (POST|PUT) .*(MixedCase|Alias2|Upper|Mixed@).*", "name|username|address|mailbox.full_address", folded},
	{"1.10.0", "(admin GET .*/(domains|accounts)/|domadmin GET .*/aliases/) ", `\[.*`, folded + "; lists are sorted by that"},
	{both, ".* .*/accounts/.*", "password|random_password", secret},
	{both, ".*", "detail|error", sentence},
	{"1.10.0", "reseller POST .*/domains/ r1.test", "", sentence},
	{"1.10.0", "admin POST .*/(accounts|aliases)/ (big|nolocal|loop)@example.test", "", sentence},
	{"1.10.0", "domadmin POST .*/accounts/ .*", "domain", "errors of a field are always a list"},
	{"1.10.0", "domadmin POST .*/aliases/ da@example.test", "", "errors of a field are always a list, under its name"},
	{"1.10.0", "admin POST .*/aliases/ info@example.test", "non_field_errors", "an address that is taken is an error of the field, as in 2.x"},
	{"2.9.3", ".* POST .*/accounts/ new[35]@.*", `role\[0\]`, "Modoboa 1.10's words, which name the choice"},
	{"1.10.0", "admin POST .*/domains/ alias.test", "status", otherName},
	{both, "admin POST .*/domainaliases/ example.org", "status", otherName},
	{"1.10.0", "admin POST .*/domains/ bad name", "status", "a domain must be a name that DNS can have, as in 2.x"},
	{both, "admin POST .*/domains/ weird.test", "status", "the type of a domain is domain or relaydomain"},
	{"1.10.0", "admin POST .*/aliases/ x@alias.test", "status", "the recording rests on a domain that was called like a domain alias"},
	{"1.10.0", "admin POST .*/aliases/ todomain@example.test", "status", "the recording rests on a domain that was called like a domain alias"},
	{both, "admin POST .*/aliases/ two@example.test", "status", "an alias may lead to several extensions of one mailbox; Modoboa answers 500"},
	{"2.9.3", ".*/v2/.*", `(.*\.)?(opened_alarms_count|sent_messages|sent_messages_in_percent|last_dns_check_execution|aliases|possible_actions|resources)`, second},
	{"2.9.3", ".*", "next", theAddress},
	{"2.9.3", "admin GET .*/logs/audit-trail/.*", "count|.*date_created|.*message|.*level", theAddress + "; times are those of ISO 8601"},
	{"2.9.3", ".* GET .*/domains/1/ ", "dkim_private_key_path", "paths of keys are never told"},
	{"2.9.3", ".* GET .*/domains/1/ ", "dkim_public_key", "no job has made a key in the test"},
	{"2.9.3", ".* account/forward/ .*", "recipients", "the account itself is not among the recipients: keepcopies says so"},
	{"2.9.3", "domadmin GET .*/aliases/ ", "count", "administrators of a domain see all of its aliases"},
	{"1.10.0", "sql select username,email from core_user where id=8 ", "rows", carried + ": the e-mail address follows the login, as in 2.x"},
	{both, "sql select username,email from core_user where username like .*org. ", "rows", carried},
	{both, "sql select alr.address from modoboa_admin_aliasrecipient .* where (a.domai|lower.a) ", "rows", carried},
	{both, "sql select (a.address,a.enabled,alr.address|address) from admin_alias .*(alr.alias_i|like '@alias%' and internal) ", "rows", carried + ", and deleting takes along what Modoboa made for itself"},
	{"1.10.0", "sql select al.address,al.internal,al.enabled from admin_alias .* alr.alia ", "rows", "aliases that lead to a disabled account alone are disabled, as in 2.x"},
	{"2.9.3", "sql select al.address,al.internal,al.enabled from admin_alias .* alr.alia ", "rows again", "enabling an account enables its mailbox again"},
	{both, "sql select pattern from relaydomains_recipientaccess ", "rows at the end", carried + ": no recipient access is left behind"},
	{both, "sql select count.* from admin_alias ", "rows", "what was refused before makes other numbers"},
	{both, "sql select (level,logger|count.* from reversion_version).*", "rows", "the log has sentences of its own; there is no table of versions"},
}

// differs returns why an answer may differ in a field, "" if it may not.
func (r *replay) differs(e *exchange, field string) string {
	request := strings.TrimLeft(e.who+" "+e.method+" ", " ") + e.path + " " + naming(e.body)
	if e.sql != "" {
		request = "sql " + e.sql + " "
	}
	for i := range differences {
		d := &differences[i]
		if d.in(r.release) && matches(d.request, request) && matches(d.field, field) {
			r.used[d] = true
			return d.why
		}
	}
	return ""
}

func matches(pattern, text string) bool {
	return regexp.MustCompile("^(" + pattern + ")$").MatchString(text)
}

// naming is the name in a request.
func naming(body any) string {
	o, _ := body.(map[string]any)
	for _, field := range []string{"name", "username", "address"} {
		if s, ok := o[field].(string); ok {
			return s
		}
	}
	return ""
}

// rowDifference is rows that only one of the two has, on purpose.
type rowDifference struct {
	releases, table string
	line            string // a pattern
	why             string
}

var rowDifferences = []rowDifference{
	{both, "access to (domains|domain aliases)", `root@example.test \d+ 0`, "a new super administrator gets no rows of access to what there is: he needs none"},
	{both, "access to accounts", "root@example.test admin 0", "a new super administrator gets no rows of access to what there is: he needs none"},
	{both, "access to aliases", `\S+ fwd(only|keep)@example.test 0 [01]`, "a forward belongs to its domain's administrators, as all aliases of the domain do"},
	{"1.10.0", "access to aliases", `(domadmin|root)@example.test \S+ 1 0`, "administrators of a domain have no access to internal aliases, as in 2.x"},
	{"1.10.0", "aliases", `(fwdonly@example.test|inactive@example.test|off@relay.test) [01] 1 \d`, "self-aliases are disabled as in 2.x: of disabled accounts, and of forwards that keep no copies"},
	{"1.10.0", "recipients", `(user1@example.test 1 .*@autoreply.*|bob@mixedcase.test 1 .*)`, "2.x has no autoreplies by aliases, and folds names"},
}

package api

import (
	"fmt"
	"maps"
	"net/http"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/lookup"
)

func described(t *testing.T) *specification {
	t.Helper()
	s, err := parseDescription(description)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDescriptionIsComplete holds the table of routes and openapi.yaml against
// each other, in both directions.
func TestDescriptionIsComplete(t *testing.T) {
	var routes, operations []string
	for _, r := range Routes() {
		routes = append(routes, r.Method+" "+r.Pattern+" "+r.Name)
	}
	s := described(t)
	for _, o := range s.Operations() {
		operations = append(operations, o.Method+" "+o.Path+" "+o.OperationID)
	}
	slices.Sort(routes)
	slices.Sort(operations)
	if d := cmp.Diff(routes, operations); d != "" {
		t.Errorf("(-routes +openapi.yaml)\n%s", d)
	}
}

// TestDescriptionIsSound wants every operation to name its parameters, body and
// answers, and every reference to lead somewhere and be used.
func TestDescriptionIsSound(t *testing.T) {
	s := described(t)
	for _, o := range s.Operations() {
		var inPath []string
		for _, p := range o.All {
			if p.In == "path" {
				inPath = append(inPath, p.Name)
			}
			if p.Name == "" || p.Description == "" {
				t.Errorf("%s: parameter %+v", o.OperationID, p)
			}
		}
		var wild []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(o.Path, -1) {
			wild = append(wild, m[1])
		}
		slices.Sort(inPath)
		slices.Sort(wild)
		if d := cmp.Diff(wild, inPath); d != "" {
			t.Errorf("%s: wildcards of the path and parameters: %s", o.OperationID, d)
		}
		if o.Summary == "" || len(o.Tags) != 1 || o.Responses["default"].Description == "" {
			t.Errorf("%s lacks a summary, a tag or a default answer", o.OperationID)
		}
		for status, r := range o.Responses {
			if r.Description == "" || status != "204" && r.Schema() == "" {
				t.Errorf("%s: answer %s says nothing", o.OperationID, status)
			}
		}
		order := slices.Contains([]string{"rotateKey", "closeAlarm", "runJob", "checkDomainDNS", "releaseSender", "resetSender"}, o.OperationID) // the path says it all
		if hasBody := o.Method == post || o.Method == put || o.Method == patch; !order && hasBody != (o.Body() != "") {
			t.Errorf("%s: body %q", o.OperationID, o.Body())
		}
	}
	text := string(description)
	for kind, names := range map[string][]string{
		"parameters": slices.Collect(maps.Keys(s.Components.Parameters)), "responses": slices.Collect(maps.Keys(s.Components.Responses)),
		"schemas": slices.Collect(maps.Keys(s.Components.Schemas)), "headers": slices.Collect(maps.Keys(s.Components.Headers)),
	} {
		for _, name := range names {
			used := strings.Contains(text, "#/components/"+kind+"/"+name+"'")
			if !used && !strings.HasSuffix(name, "V110") {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
		for _, m := range regexp.MustCompile(`#/components/`+kind+`/([\w-]+)'`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(names, m[1]) {
				t.Errorf("there is no %s/%s", kind, m[1])
			}
		}
	}
}

// answers are the types of answers and the schemas that describe them.
var answers = map[string]any{
	"Domain": newDomain{}, "DomainV110": oldDomain{}, "DomainTransport": domainTransport{}, "RelayDomain": newRelayDomain{}, "RelayDomainV110": relayDomain{},
	"Transport": transport{}, "RelaySettings": relaySettings{}, "DomainAlias": newDomainAlias{}, "DomainAliasV110": domainAlias{}, "Administrator": admin{},
	"Account": newAccount{}, "AccountV110": oldAccount{}, "Mailbox": newMailbox{}, "MailboxV110": oldMailbox{}, "Counter": counter{}, "Forward": forward{},
	"Alias": newAlias{}, "AliasV110": oldAlias{}, "SenderAddress": newSender{}, "SenderAddressV110": sender{}, "Token": token{}, "Page": envelope{},
	"BulkAnswer": bulkAnswer{}, "BulkResult": bulkResult{}, "Lookup": lookedUp{}, "Explanation": lookup.Explanation{}, "Step": lookup.Step{}, "Delivery": lookup.Delivery{},
	"Status": Brief{}, "LogEntry": logEntry{}, "Alarm": alarm{}, "AlarmDomain": alarmDomain{}, "AlarmMailbox": alarmMailbox{}, "Key": Key{}, "KeyRecord": KeyRecord{}, "Rotation": Rotation{}, "CheckedKey": CheckedKey{},
	"Job": jobs.Status{}, "JobChoice": jobs.Choice{}, "JobRun": jobs.Past{}, "JobReport": jobs.Report{},
	"Sending": Sending{}, "SendingLimit": SendingLimit{}, "Suspension": Suspension{},
}

// TestAnswersAreDescribed compares the fields of answers with their schemas.
func TestAnswersAreDescribed(t *testing.T) {
	s := described(t)
	for name, v := range answers {
		var fields []string
		for f := range jsonFields(reflect.TypeOf(v)) {
			fields = append(fields, f)
		}
		slices.Sort(fields)
		if d := cmp.Diff(slices.Sorted(maps.Keys(s.Components.Schemas[name].Properties)), fields); d != "" {
			t.Errorf("%s (-openapi.yaml +answer)\n%s", name, d)
		}
	}
}

// jsonFields yields the names that a struct has in JSON.
func jsonFields(t reflect.Type) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous {
				for name := range jsonFields(f.Type) {
					if !yield(name) {
						return
					}
				}
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			if !yield(name) {
				return
			}
		}
	}
}

// conform checks a value against a schema.
func (s *specification) conform(sc schema, v any, at string) []string {
	if sc.Ref != "" {
		return s.conform(s.Components.Schemas[path.Base(sc.Ref)], v, at)
	}
	if len(sc.OneOf) > 0 {
		var all []string
		for _, one := range sc.OneOf {
			bad := s.conform(one, v, at)
			if len(bad) == 0 {
				return nil
			}
			all = append(all, bad...)
		}
		return all
	}
	for _, one := range sc.AllOf {
		if bad := s.conform(one, v, at); len(bad) > 0 {
			return bad
		}
	}
	if sc.Type != nil && !isOf(sc.Type, v) {
		return []string{fmt.Sprintf("%s is %T, want %v", at, v, sc.Type)}
	}
	var bad []string
	switch c := v.(type) {
	case map[string]any:
		for _, name := range sc.Required {
			if _, ok := c[name]; !ok {
				bad = append(bad, at+" lacks "+name)
			}
		}
		for name, inner := range c {
			if p, ok := sc.Properties[name]; ok {
				bad = append(bad, s.conform(p, inner, at+"."+name)...)
			} else if sc.Properties != nil && sc.Additional == nil && len(sc.AllOf) == 0 && !strings.HasSuffix(at, "allOf") {
				bad = append(bad, at+" has "+name+", which is not described")
			}
		}
	case []any:
		if sc.Items != nil {
			for i, inner := range c {
				bad = append(bad, s.conform(*sc.Items, inner, fmt.Sprintf("%s[%d]", at, i))...)
			}
		}
	}
	return bad
}

func isOf(want, v any) bool {
	if l, ok := want.([]any); ok {
		return slices.ContainsFunc(l, func(one any) bool { return isOf(one, v) })
	}
	switch c := v.(type) {
	case nil:
		return want == "null"
	case string:
		return want == "string"
	case bool:
		return want == "boolean"
	case float64:
		return want == "number" || want == "integer" && c == float64(int64(c))
	case []any:
		return want == "array"
	}
	return want == "object"
}

// checkAnswer holds an answer against the description of its operation.
func (s *specification) checkAnswer(t testing.TB, route *Route, r *reply) {
	t.Helper()
	for _, o := range s.Operations() {
		if o.OperationID != route.Name {
			continue
		}
		d, ok := o.Responses[fmt.Sprint(r.status)]
		if !ok {
			if !slices.Contains([]int{401, 405, 429, 500, 503}, r.status) {
				t.Errorf("%s: status %d is not described: %s", route.Name, r.status, r.text)
			}
			return
		}
		if name := d.Schema(); name != "" && r.status < 300 {
			for _, bad := range s.conform(s.Components.Schemas[name], r.body, name) {
				t.Errorf("%s: %s: %s", route.Name, bad, r.text)
			}
		}
	}
}

// TestDocumentation wants the page and the description to be there for everyone,
// and the page to have nothing in it that comes from elsewhere.
func TestDocumentation(t *testing.T) {
	w := sqliteWorld(t)
	yaml := w.must(http.StatusOK, "", get, "/api/v1/openapi.yaml", nil)
	if yaml.text != string(description) || !strings.HasPrefix(yaml.header.Get("Content-Type"), "application/yaml") {
		t.Errorf("openapi.yaml is served as %s", yaml.header.Get("Content-Type"))
	}
	page := w.must(http.StatusOK, "", get, "/docs/api/", nil)
	for _, r := range Routes() {
		if !strings.Contains(page.text, `<details id="`+r.Name+`">`) {
			t.Errorf("the page does not show %s", r.Name)
		}
	}
	for _, bad := range []string{"http://", "https://", "<script", "<img", " style=", "ZgotmplZ", "&lt;nil&gt;"} {
		if strings.Contains(page.text, bad) {
			t.Errorf("the page has %s in it", bad)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("policy %q", csp)
	}
	if r := w.ask("", post, "/docs/api/", "{}"); r.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", r.status)
	}
}

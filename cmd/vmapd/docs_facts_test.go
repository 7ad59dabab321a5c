package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/daemon"
)

// spans calls f for each `span` of the sentences of all pages that a pattern
// fits, with what its groups have caught, and fails if there are less than least.
func spans(t *testing.T, pattern string, least int, f func(page string, m []string)) {
	t.Helper()
	one, found := regexp.MustCompile("^(?:"+pattern+")$"), 0
	for page, text := range documents(t) {
		for _, span := range spansOf(text) {
			if m := one.FindStringSubmatch(span); m != nil {
				found++
				f(page, m)
			}
		}
	}
	if found < least {
		t.Errorf("pages have %d spans that are %s", found, pattern)
	}
}

// spansOf gives what stands between backticks in sentences.
func spansOf(text string) (list []string) {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		list = append(list, strings.Join(strings.Fields(m[1]), " "))
	}
	return list
}

// settings are the defaults of all settings, in TOML, by section.key.
func settings() map[string]string {
	all := map[string]string{}
	for _, s := range daemon.Settings() {
		if s.Key != "" {
			all[strings.Trim(s.Section, "[]")+"."+s.Key] = s.Default
		}
	}
	return all
}

// TestDocumentedSettings: the settings that sentences name are there.
func TestDocumentedSettings(t *testing.T) {
	t.Parallel()
	all, sections := settings(), map[string]bool{}
	for key := range all {
		section, _, _ := strings.Cut(key, ".")
		sections[section] = true
	}
	spans(t, `([a-z]+)\.([a-z_0-9]+)(?: = .*)?`, 60, func(page string, m []string) {
		// Files are named so too.
		if key := m[1] + "." + m[2]; sections[m[1]] && all[key] == "" && !slices.Contains([]string{"db", "toml", "conf", "json"}, m[2]) {
			t.Errorf("%s: there is no setting %s", page, key)
		}
	})
}

// TestDocumentedDefaults: where a sentence tells a default, that is the default.
func TestDocumentedDefaults(t *testing.T) {
	t.Parallel()
	texts, all := documents(t), settings()
	for _, tc := range []struct{ page, sentence, key, value string }{
		{"docs/alarms.md", "a mailbox holds 80 % of its quota (`mailbox_nearly_full`)", "alarms.mailbox_nearly_full", "80"},
		{"docs/alarms.md", "it holds less than 75 % (`mailbox_hysteresis`)", "alarms.mailbox_hysteresis", "5"},
		{"docs/alarms.md", "it holds 95 % (`mailbox_full`)", "alarms.mailbox_full", "95"},
		{"docs/alarms.md", "for a minute (`database_down`)", "alarms.database_down", `"1m"`},
		{"docs/alarms.md", "longer than `grace` (2 minutes)", "alarms.grace", `"2m"`},
		{"docs/dkim.md", "`relaxed/relaxed` unless set otherwise", "dkim.canonicalization", `"relaxed/relaxed"`},
		{"docs/dkim.md", "For `dkim.replaced_keep` (7 days)", "dkim.replaced_keep", `"168h"`},
		{"docs/dkim.md", "for `dkim.settle` (1 h)", "dkim.settle", `"1h"`},
		{"docs/dkim.md", "`dkim.retire` (8 days, at least 7)", "dkim.retire", `"192h"`},
		{"docs/dns-checks.md", "once in `dns.every` (an hour)", "dns.every", `"1h"`},
		{"docs/dovecot.md", "`dovecot.mechanisms` (PLAIN, LOGIN)", "dovecot.mechanisms", `["PLAIN", "LOGIN"]`},
		{"docs/jobs.md", "| `clean-logs` | every 24h |", "jobs.clean_logs", `"24h"`},
		{"docs/jobs.md", "| `clean-inactive-accounts` | no |", "jobs.clean_inactive_accounts", `"0s"`},
		{"docs/jobs.md", "| `domain-usage` | no |", "jobs.domain_usage", `"0s"`},
		{"docs/jobs.md", "| `repair` | no |", "jobs.repair", `"0s"`},
		{"docs/mailboxes.md", "It looks each minute", "mailboxes.every", `"1m"`},
		{"docs/outside-accounts.md", "for `outside.remember` (a minute)", "outside.remember", `"1m"`},
		{"docs/policy.md", "`550 5.2.1 Mailbox is disabled`", "policy.disabled_reply", `"550 5.2.1 Mailbox is disabled"`},
		{"docs/policy.md", "`554 5.2.2 Mailbox is full`", "policy.full_reply", `"554 5.2.2 Mailbox is full"`},
		{"docs/policy.md", "`552 5.2.3 Message is too large for the mailbox`", "policy.too_large_reply", `"552 5.2.3 Message is too large for the mailbox"`},
		{"docs/failure-modes.md", "until `max_stale`, for ever by default", "database.max_stale", `"0s"`},
	} {
		if !strings.Contains(strings.ReplaceAll(texts[tc.page], "\n", " "), tc.sentence) {
			t.Errorf("%s does not say %q any more", tc.page, tc.sentence)
		}
		if all[tc.key] != tc.value {
			t.Errorf("%s says %q, and %s is %s", tc.page, tc.sentence, tc.key, all[tc.key])
		}
	}
}

// TestDocumentedMetrics: the metrics that pages name are there, with their
// labels.
func TestDocumentedMetrics(t *testing.T) {
	t.Parallel()
	list, err := daemon.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{}
	for _, m := range list {
		labels[m.Name] = m.Labels
	}
	tables := []string{"vmapd_change", "vmapd_capture", "vmapd_dkim_key", "vmapd_job", "vmapd_log", "vmapd_dns_check"}
	spans(t, `(vmapd_[a-z_]+)(?:\{([a-z_,]+)(?:="[a-z]+")?\})?(?: [01])?`, 50, func(page string, m []string) {
		got, known := labels[m[1]]
		switch {
		case slices.Contains(tables, m[1]):
		case !known:
			t.Errorf("%s: there is no metric %s", page, m[1])
		case m[2] != "" && !subset(strings.Split(m[2], ","), got):
			t.Errorf("%s: the labels of %s are %v, not %s", page, m[1], got, m[2])
		}
	})
}

func subset(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// TestDocumentedAlarms: the page tells of every kind, and of no other.
func TestDocumentedAlarms(t *testing.T) {
	t.Parallel()
	table, _, _ := strings.Cut(documents(t)["docs/alarms.md"], "\n\nThe names")
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+) \\|").FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			told = append(told, strings.TrimSuffix(strings.Trim(name, "`"), "_PROVIDER"))
		}
	}
	kinds := alarm.Kinds()
	slices.Sort(told)
	slices.Sort(kinds)
	if !slices.Equal(told, kinds) {
		t.Errorf("the page has\n%v, there are\n%v", told, kinds)
	}
}

// TestDocumentedRoutes: the paths of the API that pages name are described.
func TestDocumentedRoutes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../admin/api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]bool{"/api/v1": true, "/api/v1/openapi.yaml": true}
	value := regexp.MustCompile(`\{[a-z]+\}|\bNAME\b`)
	for _, m := range regexp.MustCompile(`(?m)^  (/[^:]+):`).FindAllStringSubmatch(string(text), -1) {
		paths[value.ReplaceAllString(strings.TrimSuffix(m[1], "/"), "{}")] = true
	}
	spans(t, `(?:(?:GET|PUT|POST|PATCH|DELETE)(?:, (?:GET|PUT|POST|PATCH|DELETE))* )?(/api/v1/[^? ]*)(?:\?.*)?`, 10, func(page string, m []string) {
		if path := value.ReplaceAllString(strings.TrimSuffix(m[1], "/"), "{}"); !paths[path] {
			t.Errorf("%s: there is no route %s", page, path)
		}
	})
}

// TestDocumentedLog: what pages show of the log, and of errors, is in the code.
func TestDocumentedLog(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	source := strings.ReplaceAll(code.String(), `\"`, `"`)
	// Words of ours: neither commands nor what others say.
	spans(t, `[a-z]+(?: "?[a-z]+){2,}.*`, 20, func(page string, m []string) {
		if slices.Contains([]string{"docs/failure-modes.md", "docs/restart.md"}, page) && !quoted(m[0], source) {
			t.Errorf("%s: nothing says %q", page, m[0])
		}
	})
}

// quoted reports whether a text, whose parts ": ..." come from somewhere else, is
// in the code.
func quoted(text, source string) bool {
	for part := range strings.SplitSeq(strings.TrimSuffix(text, " ..."), ": ") {
		if !strings.Contains(source, strings.TrimPrefix(part, "... ")) {
			return false
		}
	}
	return true
}

// TestDocumentedUnits: the units of systemd that pages name are in contrib.
func TestDocumentedUnits(t *testing.T) {
	t.Parallel()
	spans(t, `(vmapd[a-z-]*\.(?:service|socket|timer))`, 5, func(page string, m []string) {
		if _, err := os.Stat(filepath.Join("../../contrib/systemd", m[1])); err != nil {
			t.Errorf("%s: %v", page, err)
		}
	})
}

// TestDocumentedPayload: what the page shows of a webhook is all that one gets.
func TestDocumentedPayload(t *testing.T) {
	t.Parallel()
	for _, b := range blocks(t)["docs/alarms.md"] {
		if b.language != "json" {
			continue
		}
		var p alarm.Payload
		if err := json.Unmarshal([]byte(b.text), &p); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(b.text), string(again)); diff != "" {
			t.Errorf("%s (-page +program):\n%s", b, diff)
		}
	}
}

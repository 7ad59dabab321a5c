package main

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentedConstants: figures that pages tell and that are no settings are
// still those of the code.
func TestDocumentedConstants(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	for _, tc := range []struct{ page, sentence, file, line string }{
		{"docs/alarms.md", "all of them are looked at every ten seconds", "daemon/alarms_watch.go", "watchPause = 10 * time.Second"},
		{"docs/alarms.md", "a million of them every 40 seconds", "daemon/alarms_watch.go", "perMailbox = 40 * time.Microsecond"},
		{"docs/alarms.md", "were not shared with other hosts for 30 seconds", "daemon/alarms_watch.go", "redisApart = 30 * time.Second"},
		{"docs/alarms.md", "There is one mail a minute at most", "admin/alarm/tell.go", "mailPause = time.Minute"},
		{"docs/alarms.md", "it lists 200 alarms", "admin/alarm/mail.go", "maxListed = 200"},
		{"docs/alarms.md", "pauses from five seconds to a quarter of an hour", "admin/alarm/tell.go", "firstWait = 5 * time.Second"},
		{"docs/alarms.md", "pauses from five seconds to a quarter of an hour", "admin/alarm/tell.go", "longWait = 15 * time.Minute"},
		{"docs/alarms.md", "also after a restart, for a week", "admin/alarm/tell.go", "tooOld = 7 * 24 * time.Hour"},
		{"docs/alarms.md", "An answer must come within 15 seconds", "admin/alarm/hook.go", "o.Timeout = 15 * time.Second"},
		{"docs/alarms.md", "Up to 100 events go in one POST", "admin/alarm/tell.go", "hookBatch = 100"},
		{"docs/api.md", "up to 10,000 actions and 16 MB", "admin/api/bulk.go", "maxActions = 10000"},
		{"docs/api.md", "up to 10,000 actions and 16 MB", "admin/api/serve.go", "bulkSize = 16 << 20"},
		{"docs/api.md", "the body is too great (1 MB)", "admin/api/serve.go", "requestSize = 1 << 20"},
		{"docs/api.md", "one more is free every three seconds", "admin/api/throttle.go", "forgiveEvery = 3 * time.Second"},
		{"docs/dns-checks.md", "is looked at again after a quarter of it, what is unknown after a twelfth", "admin/dnschecks/runner.go", "wrongPart = 4 unknownPart = 12"},
		{"docs/dns-checks.md", "is remembered for four hours", "admin/dnschecks/dnsblzone.go", "listsFor = 4 * time.Hour"},
		{"docs/dns-checks.md", "at most 10 look-ups", "admin/dnschecks/spfwalk.go", "maxLookups = 10"},
		{"docs/dns-checks.md", "at most 2 that find nothing", "admin/dnschecks/spfwalk.go", "maxVoids = 2"},
		{"docs/dns-checks.md", "within 10 s, at most 64 KiB", "admin/dnschecks/stsfetch.go", "fetchTime = 10 * time.Second"},
		{"docs/page.md", "eight hours after the last request", "admin/page/session.go", "idleEnd = 8 * time.Hour"},
		{"docs/page.md", "after the last request, after a day", "admin/page/session.go", "latestEnd = 24 * time.Hour"},
		{"docs/restart.md", "does not serve within two minutes", "daemon/handover.go", "handoverLimit = 2 * time.Minute"},
		{"docs/restart.md", "exits with status 0, within ten seconds", "daemon/drain.go", "DrainTimeout = 10 * time.Second"},
	} {
		if !strings.Contains(plainText(texts[tc.page]), tc.sentence) {
			t.Errorf("%s does not say %q any more", tc.page, tc.sentence)
		}
		code, err := os.ReadFile("../../" + tc.file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plainText(string(code)), tc.line) {
			t.Errorf("%s says %q; %s does not have %q any more", tc.page, tc.sentence, tc.file, tc.line)
		}
	}
}

// plainText is a text with single blanks and no comments at the ends of lines.
func plainText(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " // ")
		b.WriteString(line + " ")
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

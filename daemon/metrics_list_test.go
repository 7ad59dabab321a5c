package daemon

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMetricsList: the list has what a scrape shows, and what has no value yet.
func TestMetricsList(t *testing.T) {
	list, err := Metrics()
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) *Metric {
		i := slices.IndexFunc(list, func(m Metric) bool { return m.Name == name })
		if i < 0 {
			t.Fatalf("%s is missing", name)
		}
		return &list[i]
	}
	if m := find("vmapd_requests_total"); !slices.Equal(m.Labels, []string{"protocol", "table", "result"}) || !strings.HasPrefix(m.Help, "Requests answered") {
		t.Errorf("%+v", m)
	}
	for _, name := range []string{"vmapd_database_up", "vmapd_spool_pending", "vmapd_dkim_key_dns_ok", "vmapd_http_requests_total", "vmapd_build_info"} {
		find(name)
	}
	shown := scrape(t, newMetrics())
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (vmapd_\w+) `).FindAllStringSubmatch(shown, -1) {
		find(m[1])
	}
}

// TestMetricsAreNamedRightly: rules and dashboards name no metric that the
// daemon does not have.
func TestMetricsAreNamedRightly(t *testing.T) {
	list, err := Metrics()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range list {
		for _, suffix := range []string{"", "_bucket", "_count", "_sum"} {
			known[m.Name+suffix] = true
		}
	}
	for _, file := range []string{"../contrib/prometheus/alerts.yml", "../contrib/prometheus/alerts_test.yml", "../contrib/grafana/dashboard.json"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names := regexp.MustCompile(`\bvmapd_[a-z0-9_]+`).FindAllString(string(text), -1)
		if len(names) < 10 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
		for _, name := range names {
			if !known[name] {
				t.Errorf("%s names %s, which the daemon does not have", file, name)
			}
		}
	}
}

package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/admin/jobs"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/resolve/dnstest"
	"github.com/vmapd/vmapd/store/modoboa/parameters"
)

// bell keeps which alarms are open.
type bell struct {
	mu   sync.Mutex
	open map[string]string
}

func (b *bell) Open(kind, subject, title, _ string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open[kind+" "+subject] = title
}

func (b *bell) Close(kind, subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, kind+" "+subject)
}

func (b *bell) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open)
}

// TestDNSChecks has a daemon check a domain: by the job, by the API and for the
// page.
func TestDNSChecks(t *testing.T) {
	zone := dnstest.NewZone(t, "example.com. 600 IN TXT x")
	r, web, control := apiRig(t, fmt.Sprintf("[dns]\nresolvers = [%q]\ndnsbl = []\nnetworks = [\"192.0.2.0/24\"]\nhost = \"mail.host.org\"\n", dnstest.Serve(t, zone)))
	b := &bell{open: map[string]string{}}
	r.dns.SetAlarms(b)
	_, list := web.must(http.StatusOK, http.MethodGet, "/api/v1/domains/", "")
	id := fmt.Sprint(int(list.([]any)[0].(map[string]any)["pk"].(float64)))
	path := "/api/v1/domains/" + id + "/dns/"
	_, v := web.must(http.StatusOK, http.MethodGet, path, "")
	if got := v.(map[string]any); got["report"] != nil || got["last_dns_check_execution"] != nil {
		t.Errorf("before: %v", got)
	}

	_, v = web.must(http.StatusOK, http.MethodPost, path+"check/", "")
	got := v.(map[string]any)
	report, _ := got["report"].(map[string]any)
	if report["state"] != "critical" || report["domain"] != "example.com" || got["last_dns_check_execution"] == nil {
		t.Errorf("without MX: %v", got)
	}
	if b.count() != 1 {
		t.Errorf("alarms: %v", b.open)
	}
	zone.Lines(t, "example.com. 600 IN MX 10 mail.host.org.", "mail.host.org. 600 IN A 192.0.2.1", "autoconfig.example.com. 60 IN A 192.0.2.1", "autodiscover.example.com. 60 IN A 192.0.2.1")
	zone.TXT("example.com", "v=spf1 mx -all")
	zone.TXT("_dmarc.example.com", "v=DMARC1; p=reject")
	var lines []string
	done, err := (Control{Path: ControlPath(r.dir)}).RunJob(t.Context(), "dns-checks", jobs.Order{Choices: []string{"all"}, Watch: func(e jobs.Event) {
		if e.Line != "" {
			lines = append(lines, e.Line)
		}
	}})
	if err != nil || done.Error != "" || len(lines) == 0 || lines[0] != "example.com: ok" {
		t.Errorf("the job: %+v %v %q", done, err, lines)
	}
	if b.count() != 0 {
		t.Errorf("alarms: %v", b.open)
	}
	_, v = control.must(http.StatusOK, http.MethodGet, path, "")
	if got := v.(map[string]any); got["report"].(map[string]any)["state"] != "ok" || got["dns_global_status"] != "ok" {
		t.Errorf("all there: %v", got)
	}
	again, err := (Control{Path: ControlPath(r.dir)}).RunJob(t.Context(), "dns-checks", jobs.Order{DryRun: true})
	if err != nil || again.Result != "0 domains are to be checked" {
		t.Errorf("nothing is due: %+v %v", again, err)
	}
	shown, err := r.dnsReport(t.Context(), &manage.Domain{ID: int64(report["domain_id"].(float64)), Name: "example.com"}, false)
	if err != nil || shown.State != dnschecks.OK {
		t.Errorf("the page: %v %v", shown, err)
	}
	web.must(http.StatusNotFound, http.MethodGet, "/api/v1/domains/999999/dns/", "")
	web.must(http.StatusNotFound, http.MethodPost, "/api/v1/domains/999999/dns/check/", "")
}

// TestDNSSettings: Modoboa's parameters and the section [dns] together.
func TestDNSSettings(t *testing.T) {
	r := newRig(t, basics+"[dns]\nchecks = [\"mx\", \"spf\", \"mta-sts\"]\nnetworks = [\"192.0.2.1\"]\nsenders = [\"2001:db8::1\"]\nhost = \"mx.host.org.\"\n")
	set := parameters.Parse(`{"admin": {"enable_spf_checks": false, "valid_mxs": "10.0.0.0/8 x", "custom_dns_server": "192.0.2.53", "dmarc_check_is_critical": false, "enable_dns_notifications": false, "enable_ipv6_mx_checks": false}}`, parameters.Modoboa271, nil)
	s := r.cfg.DNSSettings(set)
	if diff := cmp.Diff([]dnschecks.Kind{dnschecks.MX, dnschecks.STS}, s.Checks); diff != "" {
		t.Error(diff)
	}
	if got := fmt.Sprintln(s.Own, s.Senders, s.Server, s.Host, s.DMARCCritical, s.Quiet, s.IPv6); got != "[10.0.0.0/8 192.0.2.1/32] [2001:db8::1] 192.0.2.53:53 mx.host.org false true false\n" {
		t.Error(got)
	}
	if rules := r.cfg.dnsRules(); !rules.Own || strings.Join(rules.Off, " ") != "dnsbl dkim dmarc autoconfig autodiscover tls-rpt" {
		t.Errorf("%+v", rules)
	}
}

// TestDNSOurs: by whose clock domains are checked.
func TestDNSOurs(t *testing.T) {
	r := newRig(t, basics)
	for schedule, want := range map[string][2]bool{"auto": {true, false}, "always": {true, true}, "never": {false, false}} {
		r.cfg.DNS.Schedule = schedule
		for i, schema := range []string{"vmapd", "Modoboa 2.7.1 – 2.9"} {
			if job := r.dns.Job(r.cfg, schema); (job.Off == "") != want[i] || r.cfg.dnsOurs(schema) != want[i] {
				t.Errorf("%s, %s: %q", schedule, schema, job.Off)
			}
		}
	}
	if job := r.dns.Job(r.cfg, ""); job.Off == "" {
		t.Error("a database that is not known")
	}
}

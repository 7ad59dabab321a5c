package daemon

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/dnscheck"
)

// zone is TXT records by their names.
type zone struct {
	mu    sync.Mutex
	texts map[string]string
}

func (z *zone) get(name string) (text string, ok bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	text, ok = z.texts[name]
	return text, ok
}

func (z *zone) set(name, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.texts[name] = text
}

// resolver answers questions for TXT records until the test ends, and returns its
// address. Names it does not have do not exist; where the text is empty it fails.
func resolver(t *testing.T, texts *zone) string {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	up, down := make(chan struct{}), make(chan struct{})
	s := &dns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(up) }, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(q)
		name := q.Question[0].Name
		switch text, ok := texts.get(strings.TrimSuffix(name, ".")); {
		case !ok:
			m.Rcode = dns.RcodeNameError
		case text == "":
			m.Rcode = dns.RcodeServerFailure
		case q.Question[0].Qtype == dns.TypeTXT:
			half := len(text) / 2
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{text[:half], text[half:]}})
		}
		w.WriteMsg(m)
	})}
	go func() { defer close(down); s.ActivateAndServe() }()
	<-up
	t.Cleanup(func() { s.Shutdown(); <-down })
	return pc.LocalAddr().String()
}

// TestRecordsAreWatched: what DNS shows of the keys of three domains is in the
// metrics, in the status and in the log; a domain that is signed for no more is
// not.
func TestRecordsAreWatched(t *testing.T) {
	texts := &zone{texts: map[string]string{"s._domainkey.quiet.test": ""}}
	r := newRig(t, milterListener+"[dkim]\nresolvers = [\""+resolver(t, texts)+"\"]\n")
	initDatabase(t, r.database())
	keys := filepath.Join(r.dir, "dkim")
	if err := os.Mkdir(keys, 0o755); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	domains := []string{"right.test", "wrong.test", "quiet.test"}
	for _, d := range domains {
		fmt.Fprintf(&csv, "domain;%s;1000;100;yes\n", d)
		private, err := dkim.Generate(dkim.Ed25519SHA256, 0)
		if err != nil {
			t.Fatal(err)
		}
		text, err := dkim.MarshalPrivate(private)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(keys, d+".pem"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if d == "right.test" {
			texts.set("s._domainkey."+d, dkim.Record(private.Public()))
		}
	}
	importCSV(t, r.database(), csv.String())
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1, dkim_key_selector = 's', dkim_private_key_path = name || '.pem' WHERE name LIKE '%.test'")
	r.start(t).loaded(t)
	eventually(t, "two records are judged", func() bool { s := r.records.status(); return s.Right == 1 && s.Wrong == 1 })
	eventually(t, "the third was asked for", func() bool { return r.records.status().Keys == 3 })
	const help = "# HELP vmapd_dkim_key_dns_ok 1 if verifiers find the key of the domain in DNS, 0 if not; absent until DNS has said so.\n# TYPE vmapd_dkim_key_dns_ok gauge\n"
	want := help + "vmapd_dkim_key_dns_ok{domain=\"right.test\",selector=\"s\"} 1\nvmapd_dkim_key_dns_ok{domain=\"wrong.test\",selector=\"s\"} 0\n"
	if err := testutil.GatherAndCompare(r.metrics.registry, strings.NewReader(want), "vmapd_dkim_key_dns_ok"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(r.metrics.registry, "vmapd_dkim_key_dns_last_ok_timestamp_seconds"); n != 1 || err != nil {
		t.Errorf("%d keys were seen, %v", n, err)
	}
	st, err := r.client().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := WrongRecord{Name: "s._domainkey.wrong.test", Code: dnscheck.NXDomain, Detail: st.DKIM.FirstWrong[0].Detail}
	if diff := cmp.Diff(DKIMStatus{Keys: 3, Right: 1, Wrong: 1, FirstWrong: []WrongRecord{first}}, st.DKIM); diff != "" || first.Detail == "" {
		t.Error(diff)
	}
	if n := r.log.count("verifiers do not find"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 0 WHERE name IN ('wrong.test', 'quiet.test')")
	eventually(t, "one key is left", func() bool { s := r.records.status(); return s.Keys == 1 && s.Right == 1 && s.Wrong == 0 })
}

// TestRecordNews: an answer is logged when it differs from the one before; that
// there is none changes nothing.
func TestRecordNews(t *testing.T) {
	var log logBuffer
	r := newRecords(nil, nil, testLogger(&log).Logger)
	k := dnscheck.Key{Domain: "a.test", Selector: "s"}
	seen := time.Unix(1000, 0)
	for _, step := range []struct {
		result dnscheck.Result
		lines  int
		right  int
	}{
		{dnscheck.Result{Code: dnscheck.Temp}, 0, 0},
		{dnscheck.Result{Code: dnscheck.OK, Works: true, Checked: seen}, 0, 1},
		{dnscheck.Result{Code: dnscheck.Temp, Works: true}, 0, 1},
		{dnscheck.Result{Code: dnscheck.Revoked, Detail: "it is revoked"}, 1, 0},
		{dnscheck.Result{Code: dnscheck.Revoked, Detail: "it is revoked"}, 1, 0},
		{dnscheck.Result{Code: dnscheck.Temp}, 1, 0},
		{dnscheck.Result{Code: dnscheck.Testing, Works: true, Checked: seen.Add(time.Hour)}, 2, 1},
	} {
		r.report(k, step.result)
		if n := log.count("DNS"); n != step.lines || r.status().Right != step.right {
			t.Errorf("after %+v: %d lines, %+v", step.result, n, r.status())
		}
	}
	if got := r.found[recordName{"a.test", "s"}].good; !got.Equal(seen.Add(time.Hour)) {
		t.Errorf("seen at %v", got)
	}
}

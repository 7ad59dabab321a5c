package guard

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Bodies as Dovecot 2.3.19 and 2.4 send them; the pwhash is that of a test.
const (
	allowBody    = `{"device_id":"","login":"%s","protocol":"imap","pwhash":"%s","remote":"198.51.100.7","session_id":"h8pt","tls":false}`
	reportBody   = `{"device_id":"","login":"%s","protocol":"imap","pwhash":"%s","remote":"198.51.100.7","session_id":"h8pt","success":%v,"policy_reject":%v,"tls":false}`
	reportBody24 = `{"device_id":"","fail_type":"%s","login":"%s","protocol":"imap","pwhash":"%s","remote":"198.51.100.7","session_id":"h8pt","success":false,"policy_reject":%v,"tls":false}`
)

// post sends a body and gives status code and answer.
func post(h http.Handler, url, body string, headers ...string) (int, string) {
	r := httptest.NewRequest(http.MethodPost, url, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func wantAnswer(t *testing.T, h http.Handler, url, body, want string) {
	t.Helper()
	if code, got := post(h, url, body); code != 200 || got != want {
		t.Errorf("%s %s:\n%d %s, want %s", url, body, code, got, want)
	}
}

const goOn = `{"status":0,"msg":""}`

func TestPolicyRefuses(t *testing.T) {
	for name, report := range map[string]string{
		"2.3": reportBody,
		"2.4": `{"fail_type":"credentials","login":"%s","pwhash":"%s","remote":"198.51.100.7","success":%v,"policy_reject":%v,"tls":false}`,
	} {
		t.Run(name, func(t *testing.T) {
			g, _ := newGuard(Settings{})
			h := PolicyHandler(g, PolicyOptions{})
			want := []int{0, 0, 0, 0, 1, 2, 4, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, -1}
			for i, status := range want {
				// As typed: the account is one, however it is spelled.
				login, hash := []string{"Alice@Example.com", alice}[i%2], fmt.Sprintf("%04x", i)
				wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, login, hash), fmt.Sprintf(`{"status":%d,"msg":""}`, status))
				wantAnswer(t, h, "/?command=report", fmt.Sprintf(report, login, hash, false, status < 0), goOn)
			}
			if s := g.Stats(); s.Failures != 20 || s.Refused != 1 {
				t.Errorf("%+v: want 20 failures and a refusal that is no failure", s)
			}
		})
	}
}

func TestPolicySuccess(t *testing.T) {
	g, _ := newGuard(Settings{})
	h := PolicyHandler(g, PolicyOptions{})
	for i := range 10 {
		post(h, "/?command=report", fmt.Sprintf(reportBody, alice, fmt.Sprint(i), false, false))
	}
	wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, alice, "073e"), `{"status":6,"msg":""}`)
	wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, alice, "073e"), goOn) // once more before it is over
	wantAnswer(t, h, "/?command=report", fmt.Sprintf(reportBody, alice, "073e", true, false), goOn)
	wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, alice, "073f"), goOn)
	if s := g.Stats(); s.Successes != 1 || s.Failures != 10 {
		t.Errorf("%+v", s)
	}
}

// TestPolicyCountsNoOutage: these are no guesses.
func TestPolicyCountsNoOutage(t *testing.T) {
	g, _ := newGuard(Settings{})
	out := false
	h := PolicyHandler(g, PolicyOptions{Uncertain: func() bool { return out }})
	for i, failure := range []string{"internal", "policy", "expired", "disabled"} {
		for n := range 50 {
			hash := fmt.Sprintf("%d%02d", i, n)
			wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, alice, hash), goOn)
			post(h, "/?command=report", fmt.Sprintf(reportBody24, failure, alice, hash, failure == "policy"))
		}
	}
	out = true
	for n := range 50 {
		wantAnswer(t, h, "/?command=allow", fmt.Sprintf(allowBody, alice, fmt.Sprint(n)), goOn)
		post(h, "/?command=report", fmt.Sprintf(reportBody, alice, fmt.Sprint(n), false, false))
	}
	if s := g.Stats(); s.Failures != 0 || s.Refused+s.Held != 0 {
		t.Errorf("%+v", s)
	}
	out = false
	post(h, "/?command=report", fmt.Sprintf(reportBody24, "account", "nobody@example.com", "1", false))
	if s := g.Stats(); s.Failures != 1 {
		t.Errorf("an account that does not exist: %+v", s)
	}
}

func TestPolicyURLs(t *testing.T) {
	for _, url := range []string{"/?command=report", "/policy?command=report", "/policy?node=1&command=report", "/policy&command=report", "/a/b&command=report"} {
		g, _ := newGuard(Settings{})
		post(PolicyHandler(g, PolicyOptions{}), url, fmt.Sprintf(reportBody, alice, "1", false, false))
		if s := g.Stats(); s.Failures != 1 {
			t.Errorf("%s: %+v", url, s)
		}
	}
}

// TestPolicyNeverBlocks sends what is no request: the login goes on, nothing
// is counted, and somebody is told.
func TestPolicyNeverBlocks(t *testing.T) {
	good := fmt.Sprintf(reportBody, alice, "1", false, false)
	for _, tt := range []struct{ url, body, problem string }{
		{"/?command=drop", good, "unknown command"},
		{"/", good, "unknown command"},
		{"/?command=report", "", "not the JSON"},
		{"/?command=allow", "{", "not the JSON"},
		{"/?command=allow", "[]", "not the JSON"},
		{"/?command=allow", `{"login":7}`, "not the JSON"},
		{"/?command=allow", `{}`, "no login"},
		{"/?command=allow", `null`, "no login"},
		{"/?command=report", `{"login":"a"}`, "no success"},
		{"/?command=report", `{"login":"` + strings.Repeat("a", 20_000) + `"}`, "too large"},
	} {
		g, _ := newGuard(Settings{})
		var problem error
		h := PolicyHandler(g, PolicyOptions{OnError: func(err error) { problem = err }})
		wantAnswer(t, h, tt.url, tt.body, goOn)
		if problem == nil || !strings.Contains(problem.Error(), tt.problem) {
			t.Errorf("%s %.40s: told %v, want %q", tt.url, tt.body, problem, tt.problem)
		}
		if s := g.Stats(); s != (Stats{}) {
			t.Errorf("%s %.40s: %+v", tt.url, tt.body, s)
		}
	}
	g, _ := newGuard(Settings{})
	if code, _ := post(PolicyHandler(g, PolicyOptions{}), "/?command=report", good); code != 200 || g.Stats().Failures != 1 {
		t.Error("the good one is not counted")
	}
}

func TestPolicyKey(t *testing.T) {
	good := fmt.Sprintf(reportBody, alice, "1", false, false)
	for header, code := range map[string]int{
		"X-API-Key: s3cret":            200,
		"Authorization: Bearer s3cret": 200,
		"Authorization: bearer s3cret": 200,
		"Authorization: Basic s3cret":  401,
		"Authorization: s3cret":        401,
		"X-API-Key: s3cre":             401,
		"X-API-Key: s3cret2":           401,
		"X-Other: s3cret":              401,
	} {
		g, _ := newGuard(Settings{})
		h := PolicyHandler(g, PolicyOptions{Key: "s3cret"})
		got, body := post(h, "/?command=report", good, header)
		if got != code || (g.Stats().Failures == 1) != (code == 200) || strings.Contains(body, "s3cret") {
			t.Errorf("%s: %d %s, want %d", header, got, body, code)
		}
	}
}

func TestPolicyMethod(t *testing.T) {
	g, _ := newGuard(Settings{})
	w := httptest.NewRecorder()
	PolicyHandler(g, PolicyOptions{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?command=allow", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestPolicyMessage(t *testing.T) {
	g, _ := newGuard(Settings{Message: `Too many attempts. "Wait" a little.`})
	guesses(g, alice, away, 0, 20)
	wantAnswer(t, PolicyHandler(g, PolicyOptions{}), "/?command=allow", fmt.Sprintf(allowBody, alice, "1"),
		`{"status":-1,"msg":"Too many attempts. \"Wait\" a little."}`)
}

func TestPolicyOneByteReads(t *testing.T) {
	g, _ := newGuard(Settings{})
	body := fmt.Sprintf(reportBody, alice, "1", false, false)
	r := httptest.NewRequest(http.MethodPost, "/?command=report", iotest.OneByteReader(strings.NewReader(body)))
	w := httptest.NewRecorder()
	PolicyHandler(g, PolicyOptions{}).ServeHTTP(w, r)
	if w.Code != 200 || g.Stats().Failures != 1 {
		t.Errorf("%d %s, %+v", w.Code, w.Body, g.Stats())
	}
}

// FuzzPolicy sends any body: the answer is one of those that Dovecot reads, and
// whole and byte by byte it is the same.
func FuzzPolicy(f *testing.F) {
	f.Add("command=allow", fmt.Sprintf(allowBody, alice, "073e"))
	f.Add("command=report", fmt.Sprintf(reportBody, alice, "073e", true, false))
	f.Add("command=report", fmt.Sprintf(reportBody24, "internal", alice, "073e", true))
	f.Add("a=b&command=allow", `{"login":"\u0000\ud800","remote":"fe80::1%eth0","pwhash":null,"x":{"y":[1,2]}}`)
	f.Add("command=%zz;", `{"login":"a","login":"b","LOGIN":7}`)
	f.Fuzz(func(t *testing.T, query, body string) {
		var answers [2]string
		for i := range answers {
			g, _ := newGuard(Settings{MaxEntries: 64, MaxHomes: 8, Message: "m"})
			h := PolicyHandler(g, PolicyOptions{})
			guesses(g, alice, away, 0, 20)
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.URL.RawQuery = query
			r.Body = io.NopCloser(strings.NewReader(body))
			if i > 0 {
				r.Body = io.NopCloser(iotest.OneByteReader(strings.NewReader(body)))
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != 200 {
				t.Fatalf("code %d", w.Code)
			}
			answers[i] = w.Body.String()
		}
		switch answers[0] {
		case goOn, `{"status":-1,"msg":"m"}`:
		default:
			var status int
			if n, err := fmt.Sscanf(answers[0], `{"status":%d,"msg":""}`, &status); n != 1 || err != nil || status < 1 || status > 6 {
				t.Fatalf("answer %s", answers[0])
			}
		}
		if answers[0] != answers[1] {
			t.Fatalf("whole %s, bytes %s", answers[0], answers[1])
		}
	})
}

// TestPolicyDelayIsRoundedUp: half a second is no zero.
func TestPolicyDelayIsRoundedUp(t *testing.T) {
	g, _ := newGuard(Settings{FirstDelay: 100 * time.Millisecond})
	guesses(g, alice, away, 0, 4)
	wantAnswer(t, PolicyHandler(g, PolicyOptions{}), "/?command=allow", fmt.Sprintf(allowBody, alice, "1"), `{"status":1,"msg":""}`)
}

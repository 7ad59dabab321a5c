package daemon

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/internal/browsertest"
	"github.com/vmapd/vmapd/lookup/socketmap"
)

// browserCSV makes lists that have more than one page, and names that are long.
func browserCSV() string {
	var b strings.Builder
	b.WriteString("domain;two.test;0;0;true\ndomain;a-rather-long-name-of-a-domain-that-somebody-chose.example.org;2000;0;true\nrelaydomain;relay.test;192.0.2.10;25;relay;true;true\n" +
		"domainalias;alias.test;example.com;true\naccount;adm@example.com;{PLAIN}Secret3x;Adm;A;true;DomainAdmins;adm@example.com;0;example.com\n")
	for i := range 60 {
		fmt.Fprintf(&b, "account;user%02d@example.com;{PLAIN}x;User;Number %d;true;SimpleUsers;user%02d@example.com;10\n", i, i, i)
		fmt.Fprintf(&b, "alias;list%02d@example.com;true;user%02d@example.com;somebody-with-a-long-name%d@a-rather-long-name.example.net\n", i, i, i)
	}
	b.WriteString("alias;loop@example.com;true;loop2@example.com\nalias;loop2@example.com;true;loop@example.com\nalias;all@example.com;true;list01@example.com;list02@example.com;x@far.example\n")
	return b.String()
}

// site is a daemon with its page in a browser.
type site struct {
	*rig
	b    *browsertest.Browser
	base string
}

func openSite(t *testing.T) *site {
	t.Helper()
	r := newRig(t, basics+"[[listen]]\nprotocol = \"http\"\naddress = \"inet:127.0.0.1:0\"\n[dkim]\nresolvers = [\"127.0.0.1:1\"]\n[dovecot]\nfailure_delay = \"10ms\"\n")
	initDatabase(t, r.database())
	importCSV(t, r.database(), browserCSV())
	change(t, r.database(), "UPDATE core_user SET password = '{PLAIN}Secret0x' WHERE username = 'admin'")
	change(t, r.database(), "UPDATE admin_domain SET enable_dkim = 1, dkim_key_selector = 'mail' WHERE name = 'example.com'")
	change(t, r.database(), "UPDATE admin_quota SET bytes = 9000000, messages = 120 WHERE username LIKE 'user0%'")
	r.start(t).loaded(t)
	return &site{rig: r, b: browsertest.Open(t), base: "http://" + strings.TrimPrefix(r.ports[2].address(), "inet:")}
}

// open goes to a page.
func (s *site) open(path string) { s.b.Go(s.base + path) }

// signIn signs in with the keyboard alone.
func (s *site) signIn(name, password string) {
	s.open("/signin")
	s.b.Type("#name", name)
	s.b.Press("Tab")
	s.b.Type("#password", password)
	s.b.Click("form button.main")
}

// numberOf finds an object's number.
func (s *site) numberOf(t *testing.T, query string) (id int) {
	t.Helper()
	if err := s.Daemon.database.read.QueryRowContext(t.Context(), query).Scan(&id); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return id
}

// In a real browser an administrator makes a domain, an account and an alias,
// and sees at once where mail goes; the account's owner signs in; a domain
// administrator sees what is his alone.
func TestBrowser(t *testing.T) {
	s := openSite(t)
	b := s.b
	s.signIn("admin", "wrong")
	b.Shows("Name or password is wrong.")
	s.signIn("admin", "Secret0x")
	b.Shows("Overview", "Age of the data", "Requests a second")
	var kept, focused string
	b.Eval("document.querySelector('.skip').focus(), ''", &kept)
	b.Press("Enter")
	b.Eval("document.activeElement.id", &focused)
	if focused != "main" {
		t.Errorf("skipping to the content leads to %q", focused)
	}

	s.open("/domains/new")
	b.Type("#f-name", "New.test")
	b.Type("#f-quota", "500")
	b.Type("#f-default_mailbox_quota", "50")
	b.Click("form.edit button.main")
	b.Shows("The domain new.test is made.", "0 B of 500 MB")

	s.open("/accounts/new")
	b.Type("#f-username", "eve@new.test")
	b.Type("#f-password", "weak")
	b.Type("#f-first_name", "Eve")
	b.Click("form.edit button.main")
	b.Shows("This password is too short.")
	b.Eval("document.querySelector('#f-first_name').value", &kept)
	b.Eval("document.activeElement.id", &focused)
	if kept != "Eve" || focused != "f-password" {
		t.Errorf("after a mistake the first name is %q, and the focus at %q", kept, focused)
	}
	b.Type("#f-password", "Longer123")
	b.Click("form.edit button.main")
	b.Shows("The account eve@new.test is made.", "0 B of 50 MB")

	s.open("/aliases/new")
	b.Type("#f-address", "office@new.test")
	b.Type("#f-recipients", "eve@new.test\neve@elsewhere.example")
	b.Click("form.edit button.main")
	b.Shows("The alias office@new.test is made.")
	s.open("/resolver")
	b.Type("#address", "Office+x@new.test")
	b.Click("form:has(#address) button")
	b.Shows("Mail is delivered to 1 mailbox(es), sent out to 1 address(es).", "DELIVERED to mailbox eve@new.test", "SENT OUT: eve+x@elsewhere.example")

	b.Click("form[action='/signout'] button")
	s.signIn("eve@new.test", "Longer123")
	b.Shows("My account", "Forward to")
	b.Click("form[action='/signout'] button")
	s.signIn("adm@example.com", "Secret3x")
	b.Shows("Overview", "example.com")
	for _, path := range []string{
		"/health", "/log", fmt.Sprintf("/domains/%d", s.numberOf(t, "SELECT id FROM admin_domain WHERE name = 'new.test'")),
		fmt.Sprintf("/accounts/%d", s.numberOf(t, "SELECT id FROM core_user WHERE username = 'eve@new.test'")),
	} {
		s.open(path)
		b.Shows("Not found")
	}
	s.open("/domains")
	b.Shows("1 to 1 of 1")
	s.open("/resolver?address=office%40new.test")
	b.Shows("none of yours")
}

// The chart moves while Postfix asks, without a reload, and stops when told to.
func TestBrowserChart(t *testing.T) {
	s := openSite(t)
	b := s.b
	s.signIn("admin", "Secret0x")
	b.Shows("Requests a second", "Pause")
	path := func() (d string) {
		b.Eval("document.querySelector('[data-band=socketmap]').getAttribute('d')", &d)
		return d
	}
	flat := path()
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() { askUntil(t, s.path("socketmap"), stop) })
	eventually(t, "the chart moves", func() bool { return path() != flat })
	eventually(t, "the table shows a rate", func() bool {
		return b.Text("[data-rate=socketmap] [data-now]") != "0" && b.Text("[data-rate=socketmap] [data-peak]") != "0"
	})
	eventually(t, "the summary tells of it", func() bool {
		var text string
		b.Eval("document.querySelector('#chart-says').textContent", &text)
		return !strings.Contains(text, "now 0 a second")
	})
	b.Size(1400, 900)
	b.Picture("chart-1400")
	b.Size(390, 844)
	b.Picture("chart-390")
	close(stop)
	load.Wait()
	var words string
	b.Eval("document.querySelector('[data-controls] button').click(), document.querySelector('[data-controls] button').textContent", &words)
	if words != "Go on" {
		t.Errorf("the button says %q", words)
	}
}

// askUntil asks for addresses as fast as it gets answers.
func askUntil(t *testing.T, socket string, stop <-chan struct{}) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	client := socketmap.NewClient(c)
	for {
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
		if _, _, err := client.Lookup(t.Context(), "aliases", "info@example.com"); err != nil {
			t.Error(err)
			return
		}
	}
}

// Every page looks right on a phone and on a desk, light and dark, and the
// keyboard reaches everything.
func TestBrowserLooks(t *testing.T) {
	s := openSite(t)
	b := s.b
	err := s.manager().Write(t.Context(), manage.Root(), func(t *manage.Tx) error { // so that the log tells of something
		_, err := t.CreateAlias(manage.AliasInput{Address: manage.Some("a@example.com"), Recipients: manage.Some([]string{"user01@example.com"})})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.open("/signin")
	s.looks(t, "signin")
	s.signIn("admin", "Secret0x")
	b.Shows("Overview")
	domain := s.numberOf(t, "SELECT id FROM admin_domain WHERE name = 'example.com'")
	eventually(t, "a key is made", func() bool {
		s.open(fmt.Sprintf("/domains/%d/dkim", domain))
		return strings.Contains(b.Text("main"), "Record to publish")
	})
	pages := []struct{ name, path string }{
		{"overview", "/"},
		{"domains", "/domains"},
		{"domain", fmt.Sprintf("/domains/%d", domain)},
		{"domain-new", "/domains/new"},
		{"domain-delete", fmt.Sprintf("/domains/%d/delete", domain)},
		{"dkim", fmt.Sprintf("/domains/%d/dkim", domain)},
		{"accounts", "/accounts"},
		{"accounts-last", "/accounts?page=2&sort=name&desc=1"},
		{"account", fmt.Sprintf("/accounts/%d", s.numberOf(t, "SELECT id FROM core_user WHERE username = 'user01@example.com'"))},
		{"account-new", "/accounts/new"},
		{"aliases", "/aliases"},
		{"alias", fmt.Sprintf("/aliases/%d", s.numberOf(t, "SELECT id FROM admin_alias WHERE address = 'all@example.com'"))},
		{"domainaliases", "/domainaliases"},
		{"relaydomains", "/relaydomains"},
		{"relaydomain-new", "/relaydomains/new"},
		{"resolver", "/resolver"},
		{"resolver-all", "/resolver?address=all%40example.com"},
		{"resolver-loop", "/resolver?address=loop%40example.com"},
		{"resolver-login", "/resolver?login=user01%40example.com"},
		{"health", "/health"},
		{"log", "/log"},
		{"tokens", "/tokens"},
		{"me", "/me"},
		{"search", "/search?q=user0"},
		{"fault", "/nowhere"},
	}
	for _, p := range pages {
		s.open(p.path)
		s.looks(t, p.name)
	}
	s.open("/domains/new")
	b.Type("#f-name", "example.com")
	b.Type("#f-quota", "a lot")
	b.Click("form.edit button.main")
	b.Shows("A whole number is wanted")
	s.looks(t, "domain-wrong")
	b.Click("form[action='/signout'] button")
	s.signIn("user01@example.com", "x")
	b.Shows("My account")
	s.looks(t, "user")
	b.Click("form[action='/signout'] button")
	s.signIn("adm@example.com", "Secret3x")
	b.Shows("Overview")
	s.looks(t, "overview-domain-administrator")
}

// looks judges the page as it is.
func (s *site) looks(t *testing.T, name string) {
	t.Helper()
	for _, dark := range []bool{false, true} {
		s.b.Dark(dark)
		for _, width := range []int{390, 1400} {
			s.b.Size(width, 844)
			s.b.Judge()
			if dark {
				s.b.Picture(fmt.Sprintf("%s-%d-dark", name, width))
				continue
			}
			s.b.Picture(fmt.Sprintf("%s-%d", name, width))
			s.b.Keyboard()
		}
	}
	s.b.Dark(false)
	s.b.Size(1400, 900)
}

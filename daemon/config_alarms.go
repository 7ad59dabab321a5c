package daemon

import (
	"bytes"
	"crypto/x509"
	"net/mail"
	"net/url"
	"os"
	"strconv"
	"time"
)

// Alarms is the section [alarms].
type Alarms struct {
	Grace   Duration `toml:"grace" comment:"An alarm that closes sooner is not told to anybody."`
	Mail    bool     `toml:"mail" comment:"Tell by mail: each alarm once when it opens and once when it closes, those of the same minute in one mail."`
	MailTo  []string `toml:"mail_to" comment:"Addresses to tell. Empty: the super administrators that have a mailbox."`
	From    string   `toml:"mail_from" comment:"Sender of the mails. Empty: sender_address of Modoboa's settings, else the null sender."`
	SMTP    string   `toml:"smtp" comment:"Mail server that takes the mails, inet:host:port or unix:/path; without encryption or login, so it should be this host's."`
	Webhook string   `toml:"webhook" comment:"URL to tell by POST of JSON (docs/alarms.md); https, or http to this host. Empty: none."`

	WebhookSecretFile string `toml:"webhook_secret_file" comment:"File with a secret that signs what is posted (HMAC-SHA256, in the header X-Vmapd-Signature)."`
	WebhookCA         string `toml:"webhook_ca" comment:"PEM file with the authorities that may vouch for the webhook's server. Empty: those of the system."`

	MailboxNearlyFull int      `toml:"mailbox_nearly_full" comment:"Percent of its quota from which a mailbox is nearly full. 0: no such alarm."`
	MailboxFull       int      `toml:"mailbox_full" comment:"Percent of its quota from which a mailbox is as good as full. 0: no such alarm."`
	MailboxHysteresis int      `toml:"mailbox_hysteresis" comment:"By how many percent a mailbox must fall below these bounds for the alarm to close."`
	DatabaseDown      Duration `toml:"database_down" comment:"For how long the database must be down to be an alarm. 0s: no such alarm."`

	smtp   Endpoint       // SMTP, parsed
	secret []byte         // from WebhookSecretFile
	roots  *x509.CertPool // from WebhookCA, nil = the system's
}

func builtinAlarms() Alarms {
	return Alarms{
		Grace: Duration(2 * time.Minute), Mail: true, MailTo: []string{}, SMTP: "inet:127.0.0.1:25",
		MailboxNearlyFull: 80, MailboxFull: 95, MailboxHysteresis: 5, DatabaseDown: Duration(time.Minute),
	}
}

func (k *checker) alarms() {
	a := &k.c.Alarms
	for i, to := range a.MailTo {
		k.mailAddress("alarms.mail_to["+strconv.Itoa(i)+"]", to)
	}
	if a.From != "" {
		k.mailAddress("alarms.mail_from", a.From)
	}
	var err error
	if a.smtp, err = ParseEndpoint(a.SMTP); err != nil || a.smtp.Kind == Systemd {
		k.fail("alarms.smtp", "%q: want inet:host:port or unix:/path", a.SMTP)
	}
	k.webhook(a)
	for _, p := range []struct {
		key string
		n   int
	}{{"mailbox_nearly_full", a.MailboxNearlyFull}, {"mailbox_full", a.MailboxFull}, {"mailbox_hysteresis", a.MailboxHysteresis}} {
		if p.n < 0 || p.n > 100 {
			k.fail("alarms."+p.key, "%d is no percentage: from 0 to 100", p.n)
		}
	}
}

// mailAddress wants a bare address that can stand in a header.
func (k *checker) mailAddress(key, address string) {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		k.fail(key, "%q is not a mail address such as \"admin@example.org\"", address)
	}
}

func (k *checker) webhook(a *Alarms) {
	a.secret, a.roots = nil, nil
	if a.Webhook != "" {
		u, err := url.Parse(a.Webhook)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			k.fail("alarms.webhook", "want https://host/path")
		case u.Scheme == "http" && !(&Endpoint{Kind: Inet, Host: u.Hostname()}).Loopback():
			k.fail("alarms.webhook", "http is for this host alone: want https://host/path")
		}
	}
	if a.WebhookSecretFile != "" {
		text, err := os.ReadFile(a.WebhookSecretFile)
		if a.secret = bytes.TrimRight(text, "\r\n"); err != nil {
			k.fail("alarms.webhook_secret_file", "%v: the user that runs vmapd must be able to read it", err)
		} else if len(a.secret) == 0 {
			k.fail("alarms.webhook_secret_file", "%s is empty", a.WebhookSecretFile)
		} else if worldReadable(a.WebhookSecretFile) {
			k.warn("alarms.webhook_secret_file", "every user can read %s: chmod 0640", a.WebhookSecretFile)
		}
	}
	if a.WebhookCA != "" {
		text, err := os.ReadFile(a.WebhookCA)
		if a.roots = x509.NewCertPool(); err != nil {
			k.fail("alarms.webhook_ca", "%v: the user that runs vmapd must be able to read it", err)
		} else if !a.roots.AppendCertsFromPEM(text) {
			k.fail("alarms.webhook_ca", "%s has no certificate in it (PEM)", a.WebhookCA)
		}
	}
}

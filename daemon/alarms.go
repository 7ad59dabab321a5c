package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/admin/alarm"
	"github.com/vmapd/vmapd/admin/manage"
	"github.com/vmapd/vmapd/store/db"
)

// AlarmBook is what whoever watches something tells of it, as often as he likes. A
// subject is a mailbox (its address), a domain, or this host (""). Both return
// at once.
type AlarmBook interface {
	Open(kind, subject, title, detail string)
	Close(kind, subject string)
}

var _ AlarmBook = (*alarm.Book)(nil)

// Alarms returns where alarms are opened and closed.
func (d *Daemon) Alarms() AlarmBook { return d.alarms.Book }

// alarms is the book of alarms, and what it needs of the daemon.
type alarms struct {
	*alarm.Book
	d     *Daemon
	lines limiter
	// tick and pause are watchTick and watchPause, but in tests.
	tick, pause time.Duration

	mu       sync.Mutex
	cfg      *Config        // that channels are of
	channels alarm.Channels // made once for a configuration
	sender   string         // Modoboa's, as it was read last
}

// newAlarms makes the book; it opens nothing yet.
func newAlarms(d *Daemon) *alarms {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	a := &alarms{d: d, tick: watchTick, pause: watchPause}
	a.Book = alarm.New(alarm.Options{
		Path: filepath.Join(d.cfg.StateDir, "alarms.db"), Host: host, Channels: a.ways,
		Grace: func() time.Duration { return d.config().Alarms.Grace.D() },
		Database: func() *db.DB {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.database.write
		},
		Report: func(what string, err error) {
			a.lines.warn(d.log.Logger, "alarms: "+what, zap.Error(err), zap.String("remedy", remedyOf(err)))
		},
	})
	return a
}

// ways are the channels of the configuration in effect.
func (a *alarms) ways() alarm.Channels {
	cfg := a.d.config()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg == cfg {
		return a.channels
	}
	a.cfg, a.channels = cfg, alarm.Channels{}
	c := &cfg.Alarms
	host, _ := os.Hostname() // "" will do
	if c.Mail {
		network, address, _ := c.smtp.Network() // it was checked
		a.channels.Mail = &alarm.Mailer{Network: network, Address: address, Host: host, To: a.recipients, From: a.from}
	}
	if c.Webhook != "" {
		a.channels.Hook = alarm.NewHook(alarm.HookOptions{URL: c.Webhook, Host: host, Secret: c.secret, Roots: c.roots})
	}
	return a.channels
}

// recipients are those of the configuration, or as in Modoboa the super
// administrators with a mailbox, from what is served: the database may be what
// there is to tell of.
func (a *alarms) recipients(context.Context) ([]string, error) {
	if to := a.d.config().Alarms.MailTo; len(to) > 0 {
		return to, nil
	}
	snap := a.d.store.Current()
	if snap == nil {
		return nil, errors.New("the database has not been read yet, and alarms.mail_to is empty")
	}
	var to []string
	for account := range snap.AllAccounts() {
		if !account.Superuser || !account.Active {
			continue
		}
		if m, ok := snap.MailboxOf(account.ID); ok && m.Receives() {
			to = append(to, m.Address)
		}
	}
	return to, nil
}

// from is the sender of the configuration, or Modoboa's unless that is an example.
func (a *alarms) from(ctx context.Context) string {
	if from := a.d.config().Alarms.From; from != "" {
		return from
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	a.d.mu.Lock()
	read := a.d.database.read
	a.d.mu.Unlock()
	var text string
	err := read.QueryRowContext(ctx, "SELECT "+read.Text("_parameters")+" FROM core_localconfig ORDER BY id LIMIT 1").Scan(&text)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.sender = senderOf(text)
	}
	return a.sender
}

// senderOf finds core.sender_address in Modoboa's settings; "" for what is no
// address of anybody.
func senderOf(settings string) string {
	var apps struct {
		Core struct {
			Sender string `json:"sender_address"`
		} `json:"core"`
	}
	if json.Unmarshal([]byte(settings), &apps) != nil {
		return ""
	}
	s := apps.Core.Sender
	if !strings.Contains(s, "@") || strings.ContainsAny(s, " <>\r\n") || strings.HasSuffix(s, "@yourdomain.test") {
		return ""
	}
	return s
}

// local is what the API and the page want of the book.
func (a *alarms) local() *manage.LocalAlarms {
	return &manage.LocalAlarms{
		List: func() []manage.Alarm {
			var out []manage.Alarm
			for _, x := range a.Local() {
				m := manage.Alarm{ID: -x.ID, Kind: x.Kind, Domain: x.Domain, Mailbox: x.Mailbox, Title: x.Title, Detail: x.Detail, Open: x.Closed.IsZero(), Created: x.Opened}
				if !m.Open {
					m.Closed = &x.Closed
				}
				out = append(out, m)
			}
			return out
		},
		Close:   func(id int64) bool { return a.CloseLocal(-id) },
		Details: a.Details,
		Closed:  a.Look,
	}
}

// alarmCollector counts open alarms at a scrape.
type alarmCollector struct {
	counts func() map[string]int
	open   *prometheus.Desc
}

func newAlarmCollector(counts func() map[string]int) *alarmCollector {
	return &alarmCollector{counts, prometheus.NewDesc("vmapd_alarms", "Alarms of this host that are open, by kind.", []string{"kind"}, nil)}
}

// Describe lists the metrics.
func (c *alarmCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.open }

// Collect reads the values.
func (c *alarmCollector) Collect(ch chan<- prometheus.Metric) {
	n, other := c.counts(), 0
	for _, kind := range alarm.Kinds() {
		ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(n[kind]), kind)
		delete(n, kind)
	}
	for _, m := range n {
		other += m
	}
	if other > 0 {
		ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(other), "other")
	}
}

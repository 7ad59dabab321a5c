//go:build drill

package main_test

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/dkim"
	"github.com/miekg/dns"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
	"github.com/vmapd/vmapd/internal/sdtest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDKIMDrills holds drills while mail goes through a real Postfix whose milter
// is vmapd: no message may be refused, wait for more than a second, or be signed
// with anything but the key that DNS shows.
func TestDKIMDrills(t *testing.T) {
	mailtest.Require(t)
	binary := drill.Binary(t)
	server := dbtest.NewPostgres(t)
	for _, d := range []struct {
		name string
		hold func(*testing.T, *signingHost)
	}{
		{"ten hand-overs", func(t *testing.T, h *signingHost) {
			for range 10 {
				h.await(t, 10)
				succeed(t, h.v)
			}
		}},
		{"database killed, then hanging", func(t *testing.T, h *signingHost) {
			for _, fault := range []struct{ begin, end func() error }{{server.Kill, server.Start}, {server.Pause, server.Resume}} {
				must(t, fault.begin())
				drill.Await(t, time.Minute, "it is noticed", func() bool { return h.v.Metric(t, "vmapd_database_up") == 0 })
				h.await(t, 30)
				succeed(t, h.v)
				h.await(t, 30)
				must(t, fault.end())
				drill.Await(t, time.Minute, "the database is back", func() bool { return h.v.Metric(t, "vmapd_database_up") == 1 })
			}
		}},
		{"DNS dead, and a key is replaced", func(t *testing.T, h *signingHost) {
			h.zone.mute(true)
			h.replaceKey(t)
			h.await(t, 30)
			succeed(t, h.v)
			h.await(t, 30)
			h.signedBy(t, "old")
		}},
		{"a key is replaced, then its record", func(t *testing.T, h *signingHost) {
			record := h.replaceKey(t)
			h.await(t, 30)
			h.signedBy(t, "old")
			h.zone.publish("rsa._domainkey.home.test", record)
			drill.Await(t, 2*time.Minute, "the new key signs", func() bool { return strings.Contains(h.v.Log(t), "DNS shows the new key") })
			h.await(t, 30)
			if n := h.verify(t)["new"]; n == 0 {
				t.Error("nothing was signed with the new key")
			}
		}},
		{"the folder of the keys is gone", func(t *testing.T, h *signingHost) {
			must(t, os.Rename(h.dir, h.dir+".away"))
			h.reload(t)
			drill.Await(t, time.Minute, "it is noticed", func() bool { return strings.Contains(h.v.Log(t), "no key can be read") })
			h.await(t, 30)
			must(t, os.Rename(h.dir+".away", h.dir))
			drill.Await(t, time.Minute, "it is noticed", func() bool { return strings.Contains(h.v.Log(t), "keys can be read again") })
			h.await(t, 30)
		}},
	} {
		t.Run(d.name, func(t *testing.T) {
			h := newSigningHost(t, binary, server)
			h.begin(t, true)
			h.await(t, 10)
			d.hold(t, h)
			h.judge(t)
		})
	}
	t.Run("no database for the whole time", func(t *testing.T) {
		h := newSigningHost(t, binary, server)
		h.v.Stop(t) // what it knows is on disk now
		must(t, server.Kill())
		defer func() { must(t, server.Start()) }()
		h.v.Start(t)
		h.begin(t, true)
		h.await(t, 30)
		succeed(t, h.v)
		h.await(t, 30)
		h.judge(t)
	})
	for name, keeps := range map[string]bool{"restarted by systemd": true, "ended and started, sockets held": false} {
		t.Run(name, func(t *testing.T) {
			h := newSigningHost(t, binary, server)
			h.v.Stop(t)
			h.v.Systemd = sdtest.New(t, nil)
			h.v.Systemd.NoStore.Store(!keeps)
			holdSocket(t, h.v, "sign", h.sign)
			holdSocket(t, h.v, "maps", h.maps)
			h.v.Start(t)
			// If nobody keeps sessions the process ends when those at hand do: a client
			// with more than one message in a session keeps all others waiting.
			h.begin(t, keeps)
			for range 10 {
				h.await(t, 10)
				h.v.Stop(t)
				h.v.Start(t)
			}
			h.await(t, 10)
			h.judge(t)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signingHost is a Postfix whose milter is vmapd, people who send mail through
// it, and the host that gets it.
type signingHost struct {
	*signingSite
	v          *drill.Vmapd
	p          *mailtest.Postfix
	world      *mailtest.Sink
	zone       *zone
	maps, sign string            // sockets
	known      map[string]string // records that may be in DNS: "old", and "new" if the key was replaced

	idle *drill.Idle
	stop atomic.Bool
	all  sync.WaitGroup

	mu      sync.Mutex
	sent    int
	longest time.Duration
	refused map[string]int
}

func newSigningHost(t *testing.T, binary string, server *dbtest.Server) *signingHost {
	t.Helper()
	site := newSigningSiteAt(t, server.NewDatabase(t), 1)
	h := &signingHost{signingSite: site, zone: newZone(t), refused: map[string]int{}, known: map[string]string{"old": site.zone["rsa._domainkey.home.test"]}}
	h.zone.publish("rsa._domainkey.home.test", h.known["old"])
	h.p = mailtest.New(t, "sign")
	mailtest.ListenAuth(t, filepath.Join(h.p.Private, "auth"), map[string]string{"user@home.test": "secret"})
	h.world = mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
	h.maps, h.sign = filepath.Join(h.p.Private, "vmapd"), filepath.Join(h.p.Private, "sign")
	config := h.config + fmt.Sprintf("resolvers = [%q]\n[log]\nlevel = \"info\"\n", h.zone.address)
	h.v = drill.NewVmapd(t, binary, "", config+socketSection(h.p, "vmapd")+h.section(h.sign))
	h.v.Start(t)
	h.v.AwaitReady(t)
	h.v.Run(t, "db", "install-triggers")
	h.p.Start(mailtest.Config{Maps: socketMaps(), Chroot: true, World: h.world.NextHop(), Milters: "unix:private/sign"})
	return h
}

// begin has people send messages without pause: two who begin a session for each,
// and, with long, two who send five over each, with time between them.
func (h *signingHost) begin(t *testing.T, long bool) {
	h.idle = drill.NewIdle(t)
	t.Cleanup(h.end)
	for i := range 2 {
		h.all.Go(func() { h.send(fmt.Sprint("short", i), 1) })
		if long {
			h.all.Go(func() { h.send(fmt.Sprint("long", i), 5) })
		}
	}
}

// send sends messages until the load ends.
func (h *signingHost) send(who string, inSession int) {
	m := &mailtest.Message{
		Name: "drill", From: "user@home.test", To: []string{"friend@far.test"},
		Text: "From: <user@home.test>\r\nSubject: drill\r\n\r\n" + strings.Repeat("Words, and more  words.\r\n", 80),
	}
	for n := 0; !h.stop.Load(); {
		began := time.Now()
		s, err := h.p.Dial(mailtest.Submission, "user@home.test:secret")
		if err != nil {
			h.note(time.Since(began), err.Error())
			continue
		}
		for i := range inSession {
			if i > 0 {
				time.Sleep(100 * time.Millisecond)
				began = time.Now()
			}
			n++
			reply, err := s.Send(m, fmt.Sprintf("%s-%d", who, n))
			if err != nil {
				reply = err.Error()
			}
			h.note(time.Since(began), reply)
			if err != nil {
				break
			}
		}
		_ = s.Quit()
	}
}

func (h *signingHost) note(took time.Duration, reply string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.longest = max(h.longest, took)
	if strings.HasPrefix(reply, "250 ") {
		h.sent++
	} else {
		h.refused[reply]++
	}
}

func (h *signingHost) accepted() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sent
}

// await waits until n more messages have been accepted.
func (h *signingHost) await(t *testing.T, n int) {
	t.Helper()
	want := h.accepted() + n
	drill.Await(t, 2*time.Minute, fmt.Sprintf("%d messages were accepted", want), func() bool { return h.accepted() >= want })
}

func (h *signingHost) end() {
	h.stop.Store(true)
	h.all.Wait()
}

// replaceKey writes another key over the one that signs, as Modoboa does, and
// returns its record.
func (h *signingHost) replaceKey(t *testing.T) string {
	t.Helper()
	private, err := dkim.Generate(dkim.RSASHA256, 0)
	must(t, err)
	text, err := dkim.MarshalPrivate(private)
	must(t, err)
	file := filepath.Join(h.dir, "rsa.pem")
	must(t, os.WriteFile(file+".new", text, 0o600))
	must(t, os.Rename(file+".new", file))
	h.known["new"] = dkim.Record(private.Public())
	h.reload(t)
	drill.Await(t, time.Minute, "it is noticed", func() bool { return strings.Contains(h.v.Log(t), "another key is in its file") })
	return h.known["new"]
}

// reload has the key files looked at.
func (h *signingHost) reload(t *testing.T) {
	t.Helper()
	must(t, syscall.Kill(h.v.Status(t).PID, syscall.SIGHUP))
}

// verify judges the messages that have arrived: by which key how many were
// signed.
func (h *signingHost) verify(t *testing.T) map[string]int {
	t.Helper()
	found := map[string]int{}
	for _, text := range h.world.Texts() {
		found[h.signer(text)]++
	}
	return found
}

// signer says which of the known keys signed a message, once.
func (h *signingHost) signer(text string) string {
	if len(miltertest.Parse(text).Values("DKIM-Signature")) != 1 {
		return "unsigned"
	}
	for name, record := range h.known {
		all, err := msgauth.VerifyWithOptions(strings.NewReader(text), &msgauth.VerifyOptions{LookupTXT: func(string) ([]string, error) { return []string{record}, nil }})
		if err == nil && len(all) == 1 && all[0].Err == nil && all[0].Domain == "home.test" {
			return name
		}
	}
	return "wrong"
}

// signedBy fails the test if anything was signed otherwise.
func (h *signingHost) signedBy(t *testing.T, key string) {
	t.Helper()
	if found := h.verify(t); len(found) != 1 || found[key] == 0 {
		t.Errorf("signed by %v, want %s", found, key)
	}
}

// judge ends the load, waits until all has arrived, and judges it.
func (h *signingHost) judge(t *testing.T) {
	t.Helper()
	h.end()
	must(t, h.p.WaitIdle(time.Minute))
	found, stalled := h.verify(t), h.idle.Turn()
	t.Logf("%d messages accepted, longest %v (the machine let nobody run for %v), signed by %v", h.sent, h.longest.Round(time.Millisecond), stalled.Round(time.Millisecond), found)
	if found["old"]+found["new"] != h.sent {
		t.Errorf("%d messages were accepted, signed by %v", h.sent, found)
	}
	if h.longest-stalled > time.Second {
		t.Errorf("a message took %v", h.longest)
	}
	for reply, n := range h.refused {
		t.Errorf("%d times: %s", n, reply)
	}
	if bad := h.p.Complaints(); len(bad) > 0 {
		t.Errorf("Postfix complains:\n%s", strings.Join(bad, "\n"))
	}
}

// zone is the resolver, and the one name server, of home.test.
type zone struct {
	address string

	mu    sync.Mutex
	texts map[string]string
	muted bool
}

// newZone listens on port 53, where name servers are looked for, of an address
// that nobody else has.
func newZone(t *testing.T) *zone {
	t.Helper()
	z := &zone{address: fmt.Sprintf("127.77.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff), texts: map[string]string{}}
	at := net.JoinHostPort(z.address, "53")
	l, err := net.Listen("tcp", at)
	must(t, err)
	p, err := net.ListenPacket("udp", at)
	must(t, err)
	for _, s := range []*dns.Server{{Listener: l, Handler: z}, {PacketConn: p, Handler: z}} {
		up, down := make(chan struct{}), make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		go func() { defer close(down); _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown(); <-down })
	}
	return z
}

func (z *zone) publish(name, text string) { z.mu.Lock(); defer z.mu.Unlock(); z.texts[name] = text }

// mute has questions stay without an answer, or not.
func (z *zone) mute(on bool) { z.mu.Lock(); defer z.mu.Unlock(); z.muted = on }

// ServeDNS answers as a resolver and an authoritative server would.
func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	texts, muted := maps.Clone(z.texts), z.muted
	z.mu.Unlock()
	if muted {
		return
	}
	m := new(dns.Msg)
	m.SetReply(q)
	m.Authoritative = true
	name, kind := q.Question[0].Name, q.Question[0].Qtype
	header := dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: 1}
	text := texts[strings.TrimSuffix(name, ".")]
	switch {
	case kind == dns.TypeNS && name == "home.test.":
		m.Answer = append(m.Answer, &dns.NS{Hdr: header, Ns: "ns.home.test."})
	case kind == dns.TypeA && name == "ns.home.test.":
		m.Answer = append(m.Answer, &dns.A{Hdr: header, A: net.ParseIP(z.address)})
	case kind == dns.TypeTXT && text != "":
		var parts []string
		for part := range slices.Chunk([]byte(text), 255) {
			parts = append(parts, string(part))
		}
		m.Answer = append(m.Answer, &dns.TXT{Hdr: header, Txt: parts})
	}
	_ = w.WriteMsg(m)
}

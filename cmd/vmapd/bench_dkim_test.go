//go:build bench

package main_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
	"github.com/vmapd/vmapd/internal/peers"
)

// milterServer is a milter that signs.
type milterServer struct {
	socket     string
	pid        int
	signatures int // that it adds to a message
}

// benchDKIM has OpenDKIM, vmapd, and vmapd with two keys sign the same messages,
// in turns.
func benchDKIM(t *testing.T, binary string, r *report) {
	single, double := newSigningSite(t, 1), newSigningSite(t, 2)
	opendkim := single.startOpenDKIM(t)
	one, two := single.startMilter(t, binary), double.startMilter(t, binary)
	for _, v := range []struct {
		*milterServer
		*signingSite
	}{{one, single}, {two, double}} {
		verdict, err := v.send(signingMessage(20 << 10))
		if err != nil {
			t.Fatal(err)
		}
		v.check(t, string(verdict.Message.Bytes()))
	}
	for _, size := range []struct {
		name         string
		bytes, conns int
		cpu          float64 // target, of OpenDKIM's: how an idle machine's absolute figures compare
	}{{"2 KB", 2 << 10, 4, 0.95 / 1.89}, {"20 KB", 20 << 10, 4, 0.95 / 1.78}, {"5 MB", 5 << 20, 2, 8 / 19.2}} {
		m := signingMessage(size.bytes)
		var rates, cpu, theirs, costs, limit, dual samples
		for range 7 {
			alone := signatureAlone(t)
			x, y, z := opendkim.load(t, m, size.conns), one.load(t, m, size.conns), two.load(t, m, size.conns)
			rates = append(rates, y.rate()/x.rate())
			theirs, cpu = append(theirs, x.each()), append(cpu, y.each())
			costs = append(costs, y.each()/x.each())
			limit = append(limit, y.each()/alone)
			dual = append(dual, z.each()/y.each())
		}
		r.atLeast(fmt.Sprintf("signing %s: messages/s ÷ OpenDKIM's, %d connections", size.name, size.conns), "%.2f", rates, 2)
		r.atMost(fmt.Sprintf("signing %s: processor time ÷ OpenDKIM's", size.name), "%.2f", costs, size.cpu)
		r.tell(fmt.Sprintf("signing %s: processor time of a message in ms", size.name), "%.2f", cpu)
		r.tell(fmt.Sprintf("signing %s: OpenDKIM's processor time in ms", size.name), "%.2f", theirs)
		r.tell(fmt.Sprintf("signing %s: processor time ÷ that of the RSA signature alone", size.name), "%.2f", limit)
		r.atMost(fmt.Sprintf("signing %s: processor time with two keys ÷ with one", size.name), "%.3f", dual, 1.05)
	}
	small := one.peak(t, signingMessage(2<<10), 400)
	large := one.peak(t, signingMessage(50<<20), 12)
	r.atMost("signing: peak memory with messages of 50 MB ÷ of 2 KB", "%.2f", samples{large / small}, 1.1)
}

// signatureAlone is how long one RSA signature takes here and now, in milliseconds,
// with nothing else to do: what no signer that uses crypto/rsa can beat.
func signatureAlone(t *testing.T) float64 {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	const n = 300
	began := time.Now()
	for range n {
		if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began).Seconds() * 1000 / n
}

// each is the processor time of one message, in milliseconds.
func (r *tally) each() float64 { return r.cpu.Seconds() * 1000 / float64(r.n) }

// startMilter runs vmapd until the test ends.
func (s *signingSite) startMilter(t *testing.T, binary string) *milterServer {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "milter")
	v := startVmapd(t, binary, s.config+"[log]\nlevel = \"warn\"\n"+s.section(socket))
	v.awaitSockets(t, socket)
	m := &milterServer{socket: socket, pid: v.cmd.Process.Pid, signatures: len(s.zone)}
	drill.Await(t, time.Minute, "messages are signed", func() bool { _, err := m.send(signingMessage(100)); return err == nil })
	return m
}

// startOpenDKIM runs Debian's signer with the RSA key until the test ends.
func (s *signingSite) startOpenDKIM(t *testing.T) *milterServer {
	t.Helper()
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "milter"), filepath.Join(dir, "opendkim.conf")
	text := fmt.Sprintf(`Mode s
Syslog no
Background no
Socket local:%s
Canonicalization relaxed/relaxed
Domain home.test
Selector rsa
KeyFile %s
InternalHosts 127.0.0.1
OversignHeaders From
RequireSafeKeys false
TemporaryDirectory %s
`, socket, filepath.Join(s.dir, "rsa.pem"), dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(peers.Program(t, "opendkim", "opendkim"), "-f", "-x", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	drill.Await(t, time.Minute, "OpenDKIM listens", func() bool { return listening(socket) })
	return &milterServer{socket: socket, pid: cmd.Process.Pid, signatures: 1}
}

// signingMessage is a message with 13 header fields and a body in base64.
func signingMessage(size int) *miltertest.Message {
	var b strings.Builder
	b.WriteString(`Received: from laptop (unknown [192.0.2.7])
	by gw.home.test with ESMTPSA id abc123;
	Thu, 01 Jan 2026 00:00:00 +0000
Message-ID: <0123456789abcdef@home.test>
Date: Thu, 01 Jan 2026 00:00:00 +0000
MIME-Version: 1.0
User-Agent: Mailer
Subject: =?UTF-8?Q?Figures_of_the_quarter=2C_and_a_subject?=
 =?UTF-8?Q?_that_is_long_enough_to_fold?=
To: Bob <bob@far.test>,
 Carol <carol@far.test>
From: Ann User <user@home.test>
Reply-To: user@home.test
References: <aaaaaaaaaaaaaaaa@far.test>
 <bbbbbbbbbbbbbbbb@far.test>
In-Reply-To: <bbbbbbbbbbbbbbbb@far.test>
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

`)
	data := make([]byte, 57)
	for i := 0; b.Len() < size; i++ {
		for j := range data {
			data[j] = byte(i*57+j) ^ byte(i>>3)
		}
		b.WriteString(base64.StdEncoding.EncodeToString(data) + "\n")
	}
	return miltertest.Parse(b.String())
}

// send has one message signed, on a connection of its own as most SMTP clients
// have it.
func (s *milterServer) send(m *miltertest.Message) (*miltertest.Verdict, error) {
	c, err := miltertest.Dial("unix", s.socket, miltertest.Offer{})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.Connect(miltertest.Client{Addr: "127.0.0.1", DaemonName: "mx.home.test"}); err != nil {
		return nil, err
	}
	v, err := c.Send(m, miltertest.Envelope{AuthType: "PLAIN", QueueID: "4Q"})
	if err != nil {
		return nil, err
	}
	if len(v.Changes) != s.signatures {
		return nil, fmt.Errorf("reply %q with %d signatures, want %d", v.Reply, len(v.Changes), s.signatures)
	}
	return v, c.Quit()
}

// load sends a message again and again for two seconds.
func (s *milterServer) load(t *testing.T, m *miltertest.Message, conns int) *tally {
	t.Helper()
	results, errs := make([]latencies, conns), make([]error, conns)
	began, cpu := time.Now(), cpuTime(t, s.pid)
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			for last := began; errs[i] == nil && last.Sub(began) < 2*time.Second; {
				_, errs[i] = s.send(m)
				now := time.Now()
				results[i].add(now.Sub(last))
				last = now
			}
		})
	}
	all.Wait()
	total := &tally{took: time.Since(began), cpu: cpuTime(t, s.pid) - cpu}
	for i := range results {
		total.merge(&results[i])
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return total
}

// peak sends n messages, two at a time, and gives the most memory that the
// server has had meanwhile (proc(5): clear_refs, VmHWM).
func (s *milterServer) peak(t *testing.T, m *miltertest.Message, n int) float64 {
	t.Helper()
	v := &benchDaemon{daemon: &daemon{cmd: &exec.Cmd{Process: &os.Process{Pid: s.pid}}}}
	v.forgetPeak(t)
	errs := make([]error, 2)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for range n / len(errs) {
				if _, err := s.send(m); err != nil {
					errs[i] = err
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return v.memory(t, "VmHWM")
}

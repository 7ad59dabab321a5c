//go:build bench

package main_test

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// policyLimits are limits that nobody reaches: of each account and each domain.
const policyLimits = "[policy]\naccount_limits = [\"2000000000 recipients/day\", \"2000000000 messages/1h\"]\ndomain_limits = [\"2000000000 recipients/day\"]\n"

// policyDaemon is a vmapd with a policy socket.
type policyDaemon struct {
	*benchDaemon
	policy string // the socket
	size   benchSize
}

func (h *benchHost) startPolicy(t *testing.T, more string) *policyDaemon {
	t.Helper()
	dir := t.TempDir()
	v := &policyDaemon{policy: filepath.Join(dir, "policy"), size: h.size}
	v.benchDaemon = h.startWith(t, dir, more+policyLimits+fmt.Sprintf("[[listen]]\nprotocol = \"policy\"\naddress = \"unix:%s\"\ngroup = \"\"\n", v.policy))
	v.awaitSockets(t, v.policy)
	return v
}

// asPostfix is a request as Postfix 3.7 writes it.
func asPostfix(state, login, recipient string, recipients int) []byte {
	domain := login[strings.LastIndexByte(login, '@')+1:]
	return fmt.Appendf(nil, `request=smtpd_access_policy
protocol_state=%s
protocol_name=ESMTP
client_address=192.0.2.25
client_name=client.%s
client_port=55555
reverse_client_name=client.%s
server_address=192.0.2.1
server_port=587
helo_name=client.%s
sender=%s
recipient=%s
recipient_count=%d
queue_id=4F00D1234
instance=7b.0000000000.0.0
size=2179
etrn_domain=
stress=
sasl_method=PLAIN
sasl_username=%s
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=TLSv1.3
encryption_cipher=TLS_AES_256_GCM_SHA384
encryption_keysize=256
policy_context=

`, state, domain, domain, domain, login, recipient, recipients, login)
}

// question is one kind of request.
type question struct {
	name       string
	state      string
	login      bool // the client has logged in
	here       bool // the recipient is a mailbox here
	recipients int
	counts     bool // the decision changes a counter
}

// questions are those that a mail host is asked.
func questions() []question {
	return []question{
		{"RCPT, mail that comes in", "RCPT", false, true, 0, false},
		{"RCPT, with limits", "RCPT", true, false, 0, false},
		{"END-OF-MESSAGE, counted", "END-OF-MESSAGE", true, false, 3, true},
	}
}

// ask prepares the requests of a kind, each by another mailbox. Each that is sent
// is about another message.
func (v *policyDaemon) ask(q question, conns int) *clients {
	c := &clients{socket: v.policy, pid: v.cmd.Process.Pid, conns: conns, want: "action=DUNNO\n\n", greet: noGreeting, read: readPolicy, stamps: new(atomic.Uint64)}
	for _, address := range v.size.mailboxKeys(20_000) {
		login, recipient := address, "somebody@far.test"
		if q.here {
			recipient = address
		}
		text := asPostfix(q.state, login, recipient, q.recipients)
		if !q.login {
			text = bytes.Replace(text, []byte("sasl_username="+login), []byte("sasl_username="), 1)
		}
		c.requests = append(c.requests, text)
	}
	if q.counts {
		// Requests differ in length: the stamp stands in front.
		for i, text := range c.requests {
			c.requests[i] = append([]byte("instance=7b.0000000000.0.0\n"), bytes.Replace(text, []byte("instance=7b.0000000000.0.0\n"), nil, 1)...)
		}
		c.stamp = len("instance=7b.")
	}
	return c
}

// readPolicy reads one reply.
func readPolicy(nc io.Reader, buf []byte) ([]byte, error) {
	for n := 0; ; {
		m, err := nc.Read(buf[n:])
		if err != nil {
			return nil, err
		}
		if n += m; bytes.HasSuffix(buf[:n], []byte("\n\n")) {
			return buf[:n], nil
		}
	}
}

// benchPolicy compares decisions in a second with the do-nothing server's
// answers, and counts the allocations of vmapd's side.
func benchPolicy(t *testing.T, h *benchHost, r *report) {
	v := h.startPolicy(t, quiet)
	idle := startNothing(t, filepath.Dir(v.policy), says{Answer: "action=DUNNO\n\n", End: "\n\n"})
	for _, q := range questions() {
		var cpu samples
		for _, conns := range []int{1, 4, 16} {
			c := v.ask(q, conns)
			rates, costs := compareRates(t, c, c.at(idle))
			r.atLeast(fmt.Sprintf("policy, %s: requests/s ÷ do-nothing server's, %d connections", q.name, conns), "%.2f", rates, 0.7)
			cpu = append(cpu, costs...)
		}
		r.tell("policy, "+q.name+": processor time of a request ÷ do-nothing server's", "%.2f", cpu)
		allocations := samples{v.allocations(t, v.ask(q, 4))}
		if name := "policy, " + q.name + ": allocations per decision"; q.counts {
			r.tell(name, "%.3f", allocations)
		} else {
			r.atMost(name, "%.3f", allocations, 0.05)
		}
	}
}

// benchPolicyMillion measures how long decisions take with a million mailboxes.
func benchPolicyMillion(t *testing.T, h *benchHost, r *report) {
	v := h.startPolicy(t, "")
	for _, q := range questions() {
		c := v.ask(q, 4)
		c.runFor(t, time.Second)
		var p99 samples
		for range 5 {
			p99 = append(p99, ms(c.runFor(t, 2*time.Second).quantile(.99)))
		}
		r.atMost("policy, a million mailboxes, "+q.name+": p99, ms", "%.3f", p99, 1)
	}
}

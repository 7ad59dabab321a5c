package redislimit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
	sl "github.com/vmapd/vmapd/lookup/sendlimit"
)

// TestModel charges messages on three nodes in turn, while Redis is killed,
// restarted and emptied. Nothing is ever let through beyond a limit; and once all
// are together all of it is.
func TestModel(t *testing.T) {
	s := newServer(t)
	round := 0
	property.Check(t, func(rt *rapid.T) {
		round++
		m := &model{rt: rt, s: s, limit: rapid.Int64Range(5, 60).Draw(rt, "limit"), account: sl.Subject{Kind: sl.Account, Name: fmt.Sprint("model", round)}, charged: map[string]int64{}}
		if s.proc == nil {
			s.start()
		}
		for range 3 {
			m.nodes = append(m.nodes, s.node())
		}
		defer func() {
			for _, n := range m.nodes {
				n.stop()
			}
		}()
		m.settle()
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			m.step()
		}
		m.end()
	})
}

type model struct {
	rt      *rapid.T
	s       *server
	nodes   []*node
	account sl.Subject
	limit   int64
	charged map[string]int64 // messages by instance and node
	sum     int64
	before  map[*node]int64 // errors of the nodes when Redis was killed or emptied last: all will have one more
}

func (m *model) step() {
	switch rapid.SampledFrom([]string{"send", "send", "send", "send", "send", "send", "send", "kill", "start", "empty", "reset"}).Draw(m.rt, "what") {
	case "send":
		m.send()
	case "kill":
		m.settle() // what is not heard of yet is what the manual page excepts
		if m.s.proc != nil {
			m.disturb()
			m.s.kill()
		}
	case "start":
		if m.s.proc == nil {
			m.s.start()
		}
	case "empty":
		if m.s.proc != nil {
			m.settle()
			m.disturb()
			m.s.flush()
		}
	case "reset":
		m.reset()
	}
}

// disturb notes that all nodes are going to be apart.
func (m *model) disturb() {
	m.before = map[*node]int64{}
	for _, n := range m.nodes {
		m.before[n] = n.errors.Load()
	}
}

func (m *model) send() {
	n := rapid.IntRange(0, len(m.nodes)-1).Draw(m.rt, "node")
	c := charge(rapid.Int64Range(0, 9).Draw(m.rt, "recipients"), limited(m.account, m.limit))
	c.Instance = rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(m.rt, "instance")
	v := m.nodes[n].Take(m.s.t.Context(), c)
	if v.OK {
		key := ""
		if c.Instance != "" {
			key = fmt.Sprint(c.Instance, n)
		}
		m.sum += c.Recipients - m.charged[key]
		if key != "" {
			m.charged[key] = c.Recipients
		}
	}
	if m.sum > m.limit {
		m.rt.Fatalf("%d were let through, the limit is %d: %+v", m.sum, m.limit, v)
	}
}

// settle waits until all have heard all, if they can.
func (m *model) settle() {
	if m.s.proc == nil {
		return
	}
	know := func(n *node) bool {
		before, disturbed := m.before[n]
		return (!disturbed || n.errors.Load() > before) && n.Apart() == nil && n.Nodes() == len(m.nodes) && n.used(m.account) == m.sum
	}
	for end := time.Now().Add(30 * time.Second); slices.ContainsFunc(m.nodes, func(n *node) bool { return !know(n) }); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			for i, n := range m.nodes {
				m.rt.Errorf("node %d: apart %v, of %d, used %d of %d", i, n.Apart(), n.Nodes(), n.used(m.account), m.sum)
			}
			m.rt.FailNow()
		}
	}
}

// reset is told to all before anything else happens.
func (m *model) reset() {
	if m.s.proc == nil {
		return
	}
	m.settle()
	m.nodes[rapid.IntRange(0, len(m.nodes)-1).Draw(m.rt, "node")].Reset(m.account)
	m.sum = 0
	clear(m.charged) // a message that is charged again afterwards counts for less than it had
	m.settle()
	// Times are whole milliseconds: where the reset has not been heard of yet, as
	// there was nothing to take back, what is charged in that of the reset passes for
	// charged before it, and would count anew if it was charged again.
	time.Sleep(2 * time.Millisecond)
}

func (m *model) end() {
	if m.s.proc == nil {
		m.s.start()
	}
	m.settle()
	for i := int64(0); m.sum < m.limit; i++ {
		if !m.nodes[i%3].send(charge(1, limited(m.account, m.limit))) {
			m.rt.Fatalf("refused at %d of %d", m.sum, m.limit)
		}
		m.sum++
	}
	for _, n := range m.nodes {
		if n.send(charge(1, limited(m.account, m.limit))) {
			m.rt.Fatal("one more is let through")
		}
	}
}

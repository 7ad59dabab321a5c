package mailtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Outcome is what became of one Message.
type Outcome struct {
	// Summary says it in one line: for each recipient the reply code and enhanced
	// status code, then what was delivered by which sink, sorted. Replies to AUTH,
	// MAIL and the message itself are named only if they were refusals:
	//
	//	250 2.1.5 -> lmtp user@home.test, smtp friend@far.test
	//	auth 535 5.7.8; 553 5.7.1
	//	250 2.1.5; 550 5.1.1 -> lmtp user@home.test
	Summary string
	// Replies are the same replies with their texts; the part of the sender
	// address that differs between instances reads "TAG".
	Replies []string
}

// Runner sends messages through an instance.
type Runner struct {
	Postfix *Postfix
	Sinks   []*Sink // all sinks the mail may reach; several instances may share one
	Workers int     // sessions at a time; 0 = 1

	round int // of the current Run: tags are never used twice
}

// Run sends the messages, waits until the queue is empty and returns an outcome
// for each. Deliveries to the sinks that belong to no message of any
// runner fail the test.
func (r *Runner) Run(t testing.TB, messages []Message) []Outcome {
	t.Helper()
	r.round++
	told := make([]*replies, len(messages))
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(r.Workers, 1) {
		wg.Go(func() {
			for i := range next {
				told[i] = r.send(t, i, &messages[i])
			}
		})
	}
	for i := range messages {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := r.Postfix.WaitIdle(time.Minute); err != nil {
		t.Errorf("Postfix %q: %v", r.Postfix.Name, err)
	}
	found := r.deliveries(t)
	out := make([]Outcome, len(messages))
	for i := range messages {
		out[i] = r.outcome(told[i], r.tag(i), found[r.tag(i)])
	}
	return out
}

// tag is the unique name of message i of the current round.
func (r *Runner) tag(i int) string { return fmt.Sprintf("%s-%d-%03d", r.Postfix.Name, r.round, i) }

// send plays one message. Its sender is new: an smtpd process remembers what
// it was told about a pair of sender and recipient (Postfix:
// src/smtpd/smtpd_resolve.c).
func (r *Runner) send(t testing.TB, i int, m *Message) *replies {
	from := m.From
	switch from {
	case "":
		from = r.tag(i) + "@far.test"
	case "<>":
		from = ""
	}
	told, err := m.send(r.Postfix.Address(m.Service), from, r.tag(i))
	if err != nil {
		t.Errorf("Postfix %q: %s: %v", r.Postfix.Name, m.Name, err)
		return &replies{}
	}
	return told
}

// Address is where a service of the instance listens, "ip:port".
func (p *Postfix) Address(s Service) string {
	port := map[Service]int{MX: portMX, Submission: portSubmission, SubmissionOld: portSubmissionOld}[s]
	return fmt.Sprintf("%s:%d", p.ip, port)
}

// deliveries returns what the sinks got by the tag of the message.
func (r *Runner) deliveries(t testing.TB) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, s := range r.Sinks {
		for _, d := range s.Deliveries() {
			if d.Tag == "" {
				t.Errorf("sink %q got a mail that nobody sent: %+v", s.Name, d)
				continue
			}
			kind := d.Sink
			if d.Bounce {
				kind += " bounce"
			}
			found[d.Tag] = append(found[d.Tag], kind+" "+strings.ReplaceAll(d.Recipient, d.Tag, "TAG"))
		}
	}
	return found
}

// outcome puts replies and deliveries together.
func (r *Runner) outcome(told *replies, tag string, delivered []string) Outcome {
	var out Outcome
	var short []string
	add := func(prefix, reply string) {
		out.Replies = append(out.Replies, prefix+strings.ReplaceAll(reply, tag, "TAG"))
		short = append(short, prefix+codes(reply))
	}
	refusal := func(prefix, reply string) {
		if reply != "" && reply[0] != '2' {
			add(prefix, reply)
		}
	}
	refusal("auth ", told.auth)
	refusal("mail ", told.mail)
	for _, reply := range told.rcpt {
		add("", reply)
	}
	refusal("data ", told.data)
	out.Summary = strings.Join(short, "; ")
	if len(delivered) > 0 {
		slices.Sort(delivered)
		out.Summary += " -> " + strings.Join(delivered, ", ")
	}
	return out
}

// codes cuts a reply to its reply code and its enhanced status code.
func codes(reply string) string {
	fields := strings.SplitN(reply, " ", 3)
	if len(fields) > 1 && strings.Count(fields[1], ".") == 2 {
		return fields[0] + " " + fields[1]
	}
	return fields[0]
}

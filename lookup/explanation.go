package lookup

import (
	"fmt"
	"strings"
)

// Explanation is the account of how vmapd, and Postfix or Dovecot with its
// answers, come to a decision. It marshals to JSON as it stands.
type Explanation struct {
	Subject string `json:"subject"` // the address or login asked about
	Steps   []Step `json:"steps"`
	Outcome string `json:"outcome"` // one sentence
	OK      bool   `json:"ok"`      // mail is delivered or relayed somewhere, or the login works
	// Deliveries are the ends that mail for the address comes to, in order.
	Deliveries []Delivery `json:"deliveries,omitempty"`
}

// Step is one thing that was looked at, with the row that decided.
type Step struct {
	Depth int    `json:"depth"` // nesting of aliases, from 0
	Text  string `json:"text"`
	Table string `json:"table,omitempty"` // database table of the row
	Row   uint32 `json:"row,omitempty"`   // its primary key
}

// DeliveryKind says what becomes of mail at one end.
type DeliveryKind string

// The kinds of ends.
const (
	ToMailbox DeliveryKind = "mailbox" // delivered here
	ToRelay   DeliveryKind = "relay"   // passed on for a relay domain or by a transport of ours
	ToRemote  DeliveryKind = "remote"  // sent out to somebody else's domain
	Refused   DeliveryKind = "refused" // rejected or bounced
	Deferred  DeliveryKind = "deferred"
	Looped    DeliveryKind = "loop"
	Elsewhere DeliveryKind = "elsewhere" // another domain of this host, see ExplainWithin
)

// Delivery is one end of the way of a mail.
type Delivery struct {
	Address   string       `json:"address"`
	Kind      DeliveryKind `json:"kind"`
	Transport string       `json:"transport,omitempty"` // transport:nexthop, if a map decides it
	Reason    string       `json:"reason,omitempty"`
}

func (x *Explanation) step(depth int, table string, row uint32, format string, args ...any) {
	x.Steps = append(x.Steps, Step{Depth: depth, Text: fmt.Sprintf(format, args...), Table: table, Row: row})
}

func (x *Explanation) end(depth int, d Delivery) {
	x.Deliveries = append(x.Deliveries, d)
	mark := map[DeliveryKind]string{
		ToMailbox: "DELIVERED to mailbox", ToRelay: "RELAYED:", ToRemote: "SENT OUT:", Refused: "REFUSED:", Deferred: "DEFERRED:", Looped: "LOOP:", Elsewhere: "ELSEWHERE:",
	}[d.Kind]
	text := mark + " " + d.Address
	if d.Transport != "" {
		text += " by " + d.Transport
	}
	if d.Reason != "" {
		text += " (" + d.Reason + ")"
	}
	x.Steps = append(x.Steps, Step{Depth: depth, Text: text})
}

// String renders the explanation for a terminal: one line a step, indented by
// alias, with the deciding row in brackets.
func (x *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, printable(x.Subject))
	for _, s := range x.Steps {
		b.WriteString(strings.Repeat("  ", s.Depth+1))
		b.WriteString(printable(s.Text))
		if s.Table != "" {
			fmt.Fprintf(&b, "  [%s %d]", s.Table, s.Row)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, printable(x.Outcome))
	return b.String()
}

// printable keeps what a client sent from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// Package miltertest is the other side of a milter, for tests: an MTA that
// speaks as Postfix does (src/milter/milter8.c). It offers version 6 and every
// ability, sends macros before each event, LF for the folds of a field, bodies
// in chunks of 65,535 bytes and ABORT after each message, and applies the
// changes it is asked for.
//
//	c, err := miltertest.Dial("unix", path, miltertest.Offer{})
//	err = c.Connect(miltertest.Client{Addr: "192.0.2.1", DaemonName: "ORIGINATING"})
//	v, err := c.Send(miltertest.Parse(text), miltertest.Envelope{AuthType: "PLAIN"})
//	signed := v.Message
//
// What Send does in one go can be done step by step with [Conn.Event] and
// [Conn.Raw].
package miltertest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// Bits of the protocol that an offer may lack.
const (
	AllActions  = 0x1ff
	AllProtocol = 0x1fffff

	AddHeaders = 1 << 0 // action
	SetMacros  = 1 << 8 // action

	Skip      = 1 << 10
	LeadSpace = 1 << 20
)

// Offer is what the MTA says it can do. Zero stands for all that Postfix can.
type Offer struct{ Version, Actions, Protocol uint32 }

// noEvent and noReply are the bits by which a milter does without an event, or
// its reply.
var (
	noEvent = map[byte]uint32{'C': 1 << 0, 'H': 1 << 1, 'M': 1 << 2, 'R': 1 << 3, 'B': 1 << 4, 'L': 1 << 5, 'N': 1 << 6, 'U': 1 << 8, 'T': 1 << 9}
	noReply = map[byte]uint32{'L': 1 << 7, 'C': 1 << 12, 'H': 1 << 13, 'M': 1 << 14, 'R': 1 << 15, 'T': 1 << 16, 'U': 1 << 17, 'N': 1 << 18, 'B': 1 << 19}
)

// macros are Postfix's lists (milter_connect_macros and so on), and stages the
// numbers of the lists that a milter can ask for instead.
var (
	macros = map[byte]string{
		'C': "j {daemon_name} {daemon_addr} v _", 'H': "{tls_version} {cipher}", 'M': "i {auth_type} {auth_authen} {mail_addr}",
		'R': "i {rcpt_addr}", 'T': "i", 'L': "i", 'N': "i", 'B': "i", 'E': "i",
	}
	stages = map[byte]uint32{'C': 0, 'H': 1, 'M': 2, 'R': 3, 'T': 4, 'E': 5, 'B': 5, 'N': 6, 'L': 6}
)

// Client is an SMTP client as the MTA sees it.
type Client struct{ Addr, DaemonName string }

// Envelope is what a message has besides its text.
type Envelope struct{ From, AuthType, QueueID string }

// Field is a field of a message: the raw value is all that stands after the
// colon, with CRLF in its folds.
type Field struct{ Name, Raw string }

// Message is a message with CRLF line ends.
type Message struct {
	Fields []Field
	Body   []byte
}

// Parse takes a text apart; LF is as good as CRLF if there is no CRLF. Lines of
// the header without a colon go with the field before.
func Parse(text string) *Message {
	if !strings.Contains(text, "\r\n") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	m := &Message{}
	for text != "" {
		var l string
		l, text, _ = strings.Cut(text, "\r\n")
		name, raw, ok := strings.Cut(l, ":")
		switch {
		case l == "":
			m.Body = []byte(text)
			return m
		case ok && l[0] != ' ' && l[0] != '\t':
			m.Fields = append(m.Fields, Field{name, raw})
		case len(m.Fields) > 0:
			m.Fields[len(m.Fields)-1].Raw += "\r\n" + l
		}
	}
	return m
}

// Bytes puts a message together.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	for _, f := range m.Fields {
		b.WriteString(f.Name + ":" + f.Raw + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// Values gives the raw values of the fields of a name, from the top.
func (m *Message) Values(name string) (list []string) {
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, name) {
			list = append(list, f.Raw)
		}
	}
	return list
}

// Conn is a connection to a milter.
type Conn struct {
	net.Conn
	Agreed  Offer
	Macros  map[uint32]string // that the milter asked for, by stage
	Replies int               // that were waited for

	offered Offer
	r       *bufio.Reader
	w       *bufio.Writer
}

// Timeout is how long a reply may take.
const Timeout = time.Minute

// Dial connects and agrees with the milter on what it wants.
func Dial(network, address string, o Offer) (*Conn, error) {
	nc, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	c, err := New(nc, o)
	if err != nil {
		nc.Close()
	}
	return c, err
}

// New agrees with a milter on a connection.
func New(nc net.Conn, o Offer) (*Conn, error) {
	if o.Version == 0 {
		o.Version = 6
	}
	if o.Actions == 0 {
		o.Actions = AllActions
	}
	if o.Protocol == 0 {
		o.Protocol = AllProtocol
	}
	c := &Conn{Conn: nc, offered: o, r: bufio.NewReader(nc), w: bufio.NewWriterSize(nc, 16<<10)}
	return c, c.negotiate()
}

func (c *Conn) negotiate() error {
	var b []byte
	for _, n := range []uint32{c.offered.Version, c.offered.Actions, c.offered.Protocol} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	c.put('O', b)
	code, b, err := c.Next()
	if err != nil {
		return err
	}
	if code != 'O' || len(b) < 12 {
		return fmt.Errorf("the answer to the offer is %q %q", code, b)
	}
	a := &c.Agreed
	a.Version, a.Actions, a.Protocol = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if a.Version > c.offered.Version || a.Actions&^c.offered.Actions != 0 || a.Protocol&^c.offered.Protocol != 0 {
		return fmt.Errorf("the milter wants %+v of the offer %+v", *a, c.offered)
	}
	for b = b[12:]; len(b) > 4; {
		list, rest, _ := bytes.Cut(b[4:], []byte{0})
		if c.Macros == nil {
			c.Macros = map[uint32]string{}
		}
		c.Macros[binary.BigEndian.Uint32(b)] = string(list)
		b = rest
	}
	return nil
}

// Raw sends a packet as it is, at once.
func (c *Conn) Raw(code byte, parts ...string) error {
	c.put(code, []byte(strings.Join(parts, "")))
	return c.flush()
}

func (c *Conn) put(code byte, data []byte) {
	var head [5]byte
	binary.BigEndian.PutUint32(head[:], uint32(1+len(data)))
	head[4] = code
	c.w.Write(head[:])
	c.w.Write(data)
}

func (c *Conn) flush() error {
	c.SetWriteDeadline(time.Now().Add(Timeout))
	return c.w.Flush()
}

// Next sends what is to be sent and waits for a packet.
func (c *Conn) Next() (code byte, data []byte, err error) {
	if err := c.flush(); err != nil {
		return 0, nil, err
	}
	c.SetReadDeadline(time.Now().Add(Timeout))
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > 1<<20 {
		return 0, nil, fmt.Errorf("a packet of %d bytes", n)
	}
	data = make([]byte, n)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return 0, nil, err
	}
	return data[0], data[1:], nil
}

// Event sends an event with those of the values that belong to its stage, and
// gives the code of the reply: 'c' if the milter did without the event or
// without a reply.
func (c *Conn) Event(code byte, values map[string]string, parts ...string) (byte, error) {
	if code == 'T' && c.Agreed.Version < 4 {
		return 'c', nil // versions before 4 have no DATA
	}
	c.define(code, values)
	if c.Agreed.Protocol&noEvent[code] != 0 {
		return 'c', nil
	}
	c.put(code, []byte(strings.Join(parts, "")))
	if c.Agreed.Protocol&noReply[code] != 0 {
		return 'c', nil
	}
	c.Replies++
	reply, _, err := c.Next()
	return reply, err
}

// define sends the macros of an event.
func (c *Conn) define(code byte, values map[string]string) {
	list := macros[code]
	if own := c.Macros[stages[code]]; own != "" {
		list = own
	}
	b := []byte{code}
	for name := range strings.FieldsSeq(list) {
		if v := values[name]; v != "" {
			b = append(append(append(append(b, name...), 0), v...), 0)
		}
	}
	c.put('D', b)
}

// Connect tells of an SMTP client.
func (c *Conn) Connect(client Client) error {
	family := "4"
	if strings.Contains(client.Addr, ":") {
		family = "6"
	}
	values := map[string]string{"j": "mx.test", "{daemon_name}": client.DaemonName, "{daemon_addr}": "127.0.0.1", "v": "Postfix"}
	for _, e := range []struct {
		code byte
		data string
	}{{'C', "client.test\x00" + family + "\x9c\x40" + client.Addr + "\x00"}, {'H', "client.test\x00"}} {
		reply, err := c.Event(e.code, values, e.data)
		if err == nil && reply != 'c' {
			err = fmt.Errorf("the reply to %q is %q", e.code, reply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Verdict is what a milter made of a message.
type Verdict struct {
	Event   byte // at which it had seen enough
	Reply   byte
	Changes []Change
	Message *Message // with the changes
}

// Change is a field to insert.
type Change struct {
	Index       uint32
	Name, Value string
}

// Send has a message filtered, from MAIL to ABORT.
func (c *Conn) Send(m *Message, e Envelope) (*Verdict, error) {
	v, err := c.Filter(m, e)
	if err != nil {
		return nil, err
	}
	return v, c.Raw('A')
}

// Filter is Send without ABORT.
func (c *Conn) Filter(m *Message, e Envelope) (*Verdict, error) {
	v := &Verdict{}
	skipped := false
	for event := range c.events(m, e) {
		if skipped && event.code == 'B' {
			continue
		}
		reply, err := c.Event(event.code, event.values, event.data)
		if err != nil {
			return nil, fmt.Errorf("at event %q: %w", event.code, err)
		}
		switch {
		case reply == 's' && event.code == 'B' && c.Agreed.Protocol&Skip != 0:
			skipped = true
		case reply != 'c':
			v.Event, v.Reply, v.Message = event.code, reply, m
			return v, nil
		}
	}
	c.define('E', map[string]string{"i": e.QueueID})
	c.put('E', nil)
	c.Replies++
	for {
		code, data, err := c.Next()
		switch {
		case err != nil:
			return nil, fmt.Errorf("at the end of the message: %w", err)
		case code == 'i' && len(data) > 4:
			name, value, _ := bytes.Cut(data[4:], []byte{0})
			v.Changes = append(v.Changes, Change{binary.BigEndian.Uint32(data), string(name), string(bytes.TrimSuffix(value, []byte{0}))})
		case code == 'p':
		default:
			v.Event, v.Reply, v.Message = 'E', code, c.apply(m, v.Changes)
			return v, nil
		}
	}
}

type event struct {
	code   byte
	values map[string]string
	data   string
}

// events gives those of a message but the last.
func (c *Conn) events(m *Message, e Envelope) func(yield func(event) bool) {
	return func(yield func(event) bool) {
		from := e.From
		if from == "" {
			from = "sender@client.test"
		}
		id := map[string]string{"i": e.QueueID}
		ok := yield(event{'M', map[string]string{"{auth_type}": e.AuthType, "{auth_authen}": "user", "{mail_addr}": from}, "<" + from + ">\x00"}) &&
			yield(event{'R', map[string]string{"{rcpt_addr}": "to@far.test"}, "<to@far.test>\x00"}) &&
			yield(event{'T', id, ""})
		for _, f := range m.Fields {
			ok = ok && yield(event{'L', id, strings.TrimRight(f.Name, " \t") + "\x00" + c.value(f.Raw) + "\x00"})
		}
		ok = ok && yield(event{'N', id, ""})
		for chunk := range slices.Chunk(m.Body, 65535) {
			ok = ok && yield(event{'B', id, string(chunk)})
		}
	}
}

// value is what stands after the colon as the milter gets it.
func (c *Conn) value(raw string) string {
	raw = strings.ReplaceAll(raw, "\r\n", "\n")
	if c.Agreed.Protocol&LeadSpace == 0 {
		raw = strings.TrimPrefix(raw, " ")
	}
	return raw
}

// apply inserts fields. Index 0 is above the Received of the MTA itself, which
// milters do not see, and which is not in the message here.
func (c *Conn) apply(m *Message, changes []Change) *Message {
	out := &Message{Fields: slices.Clone(m.Fields), Body: m.Body}
	for _, ch := range changes {
		raw := strings.ReplaceAll(ch.Value, "\n", "\r\n")
		if c.Agreed.Protocol&LeadSpace == 0 {
			raw = " " + raw
		}
		at := min(max(int(ch.Index)-1, 0), len(out.Fields))
		out.Fields = slices.Insert(out.Fields, at, Field{ch.Name, raw})
	}
	return out
}

// Quit ends the session.
func (c *Conn) Quit() error {
	if err := c.Raw('Q'); err != nil {
		c.Close()
		return err
	}
	return c.Close()
}

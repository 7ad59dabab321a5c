package dict

import (
	"strconv"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// Keep writes down what another Server must have read to go on with the
// connection: the hello, the transactions that are open, and the beginning of a
// line. A transaction that can only fail is not worth it: its connection ends.
func (s *session) Keep(rest []byte) {
	said := []byte{}
	if s.client != nil {
		said = s.client.append(said)
	}
	for id, o := range s.open {
		if o.bad != "" {
			return
		}
		said = o.append(said, id)
	}
	s.said = append(said, rest...)
}

// append appends the line H.
func (c *Client) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, 'H'), int64(c.Major), 10)
	dst = strconv.AppendInt(append(dst, '\t'), int64(c.Minor), 10)
	dst = strescape.Append(append(dst, "\t0\t"...), c.User)
	dst = strescape.Append(append(dst, '\t'), c.Name)
	return append(dst, '\n')
}

// append appends the lines of a transaction.
func (o *open) append(dst []byte, id uint32) []byte {
	begin := func(letter byte) { dst = strconv.AppendUint(append(dst, letter), uint64(id), 10) }
	text := func(s string) { dst = strescape.Append(append(dst, '\t'), s) }
	number := func(n int64) { dst = strconv.AppendInt(append(dst, '\t'), n, 10) }
	end := func() { dst = append(dst, '\n') }
	begin('B')
	text(o.User)
	if o.Expire != 0 {
		number(int64(o.Expire.Seconds()))
	}
	end()
	if !o.Time.IsZero() {
		begin('T')
		number(o.Time.Unix())
		number(int64(o.Time.Nanosecond()))
		end()
	}
	if o.Secret {
		begin('V')
		text("yes")
		end()
	}
	for _, op := range o.Ops {
		switch op.Kind {
		case Set:
			begin('S')
			text(op.Key)
			text(string(op.Value))
		case Unset:
			begin('U')
			text(op.Key)
		case Add:
			begin('A')
			text(op.Key)
			number(op.Diff)
		}
		end()
	}
	return dst
}

package redislimit

import (
	"errors"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// reply is a list that a script has given. After bad, all it gives is zero.
type reply struct {
	list []any
	bad  bool
}

var errReply = errors.New("redislimit: an answer is not understood: is another version of vmapd using the same names?")

func (r *reply) next() any {
	if len(r.list) == 0 {
		r.bad = true
		return nil
	}
	v := r.list[0]
	r.list = r.list[1:]
	return v
}

func (r *reply) text() string {
	s, ok := r.next().(string)
	r.bad = r.bad || !ok
	return s
}

// number takes an integer, or a text that is one.
func (r *reply) number() int64 {
	switch v := r.next().(type) {
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		r.bad = r.bad || err != nil
		return n
	}
	r.bad = true
	return 0
}

func (r *reply) sub() *reply {
	list, ok := r.next().([]any)
	r.bad = r.bad || !ok
	return &reply{list: list}
}

// count takes the fields of a counter's hash. What is not known in it is skipped.
func (r *reply) count() (c sendlimit.Count) {
	fields := r.sub()
	for len(fields.list) >= 2 && !fields.bad {
		name, value := fields.text(), fields.number()
		switch {
		case fields.bad:
		case name == "v":
			c.Version = value
		case name == "w":
			c.Warned = value
		case name == "z":
			c.Reset = value
		case strings.HasPrefix(name, "c:"):
			at := strings.LastIndexByte(name, ':')
			bucket, err := strconv.ParseInt(name[at+1:], 10, 64)
			if at > 2 && err == nil && value != 0 {
				c.Cells = append(c.Cells, sendlimit.Cell{Node: name[2:at], Bucket: bucket, N: value})
			}
		}
	}
	r.bad = r.bad || fields.bad
	return c
}

// keyName gives the name of a counter, without the prefix.
func keyName(k sendlimit.Key) string {
	return "c:" + string(k.Subject.Kind) + ":" + k.Unit.String() + ":" + strconv.FormatInt(int64(k.Window), 10) + ":" + k.Subject.Name
}

// unit takes the name of a unit.
func unit(name string) (u sendlimit.Unit, ok bool) {
	for u := range sendlimit.Unit(16) {
		if u.String() == name {
			return u, true
		}
	}
	return 0, false
}

func isKind(k sendlimit.Kind) bool { return k == sendlimit.Account || k == sendlimit.Domain }

// parseKey is the reverse of keyName.
func parseKey(name string) (k sendlimit.Key, ok bool) {
	part := strings.SplitN(name, ":", 5)
	if len(part) != 5 || part[0] != "c" || len(part[1]) != 1 {
		return k, false
	}
	window, err := strconv.ParseInt(part[3], 10, 64)
	k.Subject = sendlimit.Subject{Kind: sendlimit.Kind(part[1][0]), Name: part[4]}
	known := isKind(k.Subject.Kind)
	k.Window = sendlimit.Window(window)
	k.Unit, ok = unit(part[2])
	return k, ok && known && err == nil
}

package dkim

import (
	"fmt"
	"time"
)

// Canon is a canonical form (RFC 6376, section 3.4).
type Canon uint8

// The two canonical forms. Relaxed is the default for both header and body.
const (
	Relaxed Canon = iota
	Simple
)

// String returns the name as c= has it.
func (c Canon) String() string {
	if c == Simple {
		return "simple"
	}
	return "relaxed"
}

// ParseCanon reads a name as String writes it.
func ParseCanon(name string) (Canon, error) {
	switch name {
	case "relaxed":
		return Relaxed, nil
	case "simple":
		return Simple, nil
	}
	return 0, fmt.Errorf("no canonical form is called %q: there are relaxed and simple", name)
}

// DefaultMaxHeader is the limit of a header block in bytes.
const DefaultMaxHeader = 1 << 20

// Options say how messages are signed. The zero value is good.
type Options struct {
	Headers     Headers          // which fields are oversigned
	HeaderCanon Canon            // of the fields
	BodyCanon   Canon            // of the body
	Now         func() time.Time // the time in t=; default time.Now
	Expire      time.Duration    // after which signatures expire, x=; 0: never
	MaxHeader   int              // bytes of the header block; default DefaultMaxHeader
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o *Options) maxHeader() int {
	if o.MaxHeader == 0 {
		return DefaultMaxHeader
	}
	return o.MaxHeader
}

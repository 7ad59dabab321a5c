package sendlimit

import (
	"fmt"
	"time"
)

// Unit is what a limit counts.
type Unit uint8

// The units of limits.
const (
	Recipients    Unit = iota // recipients of messages, Modoboa's unit
	Messages                  // messages
	Bytes                     // sizes of messages
	NewRecipients             // recipients that the account has not sent to before
	refusals                  // refused messages: our own count, for suspensions
	unitCount
)

var unitNames = [unitCount]string{"recipients", "messages", "bytes", "new-recipients", "refusals"}

// String returns the unit's name: recipients, messages, bytes, new-recipients.
func (u Unit) String() string {
	if u < unitCount {
		return unitNames[u]
	}
	return fmt.Sprintf("unit %d", uint8(u))
}

// MarshalText gives the name.
func (u Unit) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText takes a name.
func (u *Unit) UnmarshalText(text []byte) error {
	for i, name := range unitNames[:refusals] {
		if name == string(text) {
			*u = Unit(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not a unit: want recipients, messages, bytes or new-recipients", text)
}

// Window is the time that a limit is for: Day, or a duration, which slides.
// Durations outside of MinWindow to MaxWindow are taken for the nearest one
// inside.
type Window time.Duration

// Windows.
const (
	// Day is the calendar day in UTC, Modoboa's window. It is the zero value.
	Day Window = 0

	MinWindow = Window(time.Second)
	MaxWindow = Window(31 * 24 * time.Hour)
)

// Valid reports whether a window is Day or within the bounds.
func (w Window) Valid() bool { return w == w.clean() }

func (w Window) clean() Window {
	if w == Day {
		return Day
	}
	return min(max(w, MinWindow), MaxWindow)
}

// String returns "day" or a duration.
func (w Window) String() string {
	if w == Day {
		return "day"
	}
	return time.Duration(w).String()
}

// MarshalText gives what String does.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText takes "day" or a duration such as "1h30m".
func (w *Window) UnmarshalText(text []byte) error {
	if string(text) == "day" {
		*w = Day
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || !Window(d).Valid() || d == 0 {
		return fmt.Errorf("%q is not a window: want \"day\" or a duration from %v to %v", text, MinWindow, MaxWindow)
	}
	*w = Window(d)
	return nil
}

// buckets gives how a window is cut: the width of a bucket in milliseconds, and
// how many are looked at, the present one included. Of a sliding window that is
// one more than fit into it, so that whatever is younger than the window is in
// one of them.
func (w Window) buckets() (width, span int64) {
	if w == Day {
		return int64(24 * time.Hour / time.Millisecond), 1
	}
	ms := int64((time.Duration(w.clean()) + time.Millisecond - 1) / time.Millisecond)
	return (ms + pieces - 1) / pieces, pieces + 1
}

// Buckets gives how a window is cut, for those who count for several nodes: the
// width of a bucket in milliseconds, the number of a bucket being the time since
// 1970 by that; and span: those with numbers more than the present one's less
// span count.
func (w Window) Buckets() (width, span int64) { return w.buckets() }

// pieces is the resolution of sliding windows.
const pieces = 60

// Limit is how much is let through in a window.
type Limit struct {
	Unit   Unit
	Max    int64 // less than 0 is 0: nothing
	Window Window
}

// String returns, say, "100 recipients per day".
func (l Limit) String() string { return fmt.Sprintf("%d %v per %v", l.Max, l.Unit, l.Window) }

// Kind is what a Subject is.
type Kind byte

// The kinds of subjects.
const (
	Account Kind = 'a'
	Domain  Kind = 'd'
)

// String returns "account" or "domain".
func (k Kind) String() string {
	switch k {
	case Account:
		return "account"
	case Domain:
		return "domain"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Subject is who is limited. Two are the same if their names are: folding them
// is the caller's.
type Subject struct {
	Kind Kind
	Name string
}

// String returns, say, "account user@example.com".
func (s Subject) String() string { return s.Kind.String() + " " + s.Name }

// compare orders subjects: accounts before domains, then by name.
func (s Subject) compare(o Subject) int {
	switch {
	case s.Kind != o.Kind:
		return int(s.Kind) - int(o.Kind)
	case s.Name < o.Name:
		return -1
	case s.Name > o.Name:
		return 1
	}
	return 0
}

// Limited is a subject with its limits.
type Limited struct {
	Subject
	Limits []Limit
}

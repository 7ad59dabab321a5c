package page

import "time"

// Sending is how an account or a domain stands with what it may send.
type Sending struct {
	Limits    []SendLimit
	Suspended string // until when, and why; "" = it may send
}

// SendLimit is one limit.
type SendLimit struct {
	Unit   string // recipients, messages, bytes, new-recipients
	Window string // day, or a duration
	Used   int64
	Max    int64
	Free   time.Time // when some of it gets free again; zero = nothing is used
}

// sendWords are what the units are called.
var sendWords = map[string]string{"recipients": "Recipients", "messages": "Messages sent", "bytes": "Sent", "new-recipients": "New recipients"}

// addSending shows limits as bars, and that somebody may not send.
func (a *about) addSending(p *page, name string) {
	if p.o.Sending == nil {
		return
	}
	s, ok := p.o.Sending(name)
	if !ok {
		return
	}
	if s.Suspended != "" {
		a.Facts = append(a.Facts, fact{"Suspended from sending", s.Suspended})
	}
	for i := range s.Limits {
		l := &s.Limits[i]
		words := number(l.Used) + " of " + number(l.Max)
		if l.Unit == "bytes" {
			words = size(l.Used) + " of " + size(l.Max)
		}
		a.addBar(share(sendWords[l.Unit]+" per "+l.Window, l.Used, l.Max, words))
	}
}

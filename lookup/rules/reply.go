package rules

import (
	"fmt"
	"time"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// recipientInstance names one recipient of a message, "" if the message has no
// name or nothing is counted.
func (q *question) recipientInstance(counts bool) string {
	if !counts || len(q.Instance) == 0 {
		return ""
	}
	return string(q.Instance) + "\x00" + store.Fold(string(q.Recipient))
}

// refusal puts into words why something may not be sent.
func (q *question) refusal(v *sendlimit.Verdict) policy.Action {
	if s := v.Suspended; s != nil {
		return policy.Reject(suspendedText(s))
	}
	if v.Over.Free.IsZero() || q.set.Reject {
		return policy.Reject(overText("5.7.1", &v.Over))
	}
	return policy.DeferIfPermit(overText("4.7.1", &v.Over))
}

// suspendedText says who is suspended, and until when.
func suspendedText(s *sendlimit.Suspension) string {
	until := "ask your administrator"
	if !s.Until.IsZero() {
		until = "try again after " + clock(s.Until)
	}
	return fmt.Sprintf("5.7.1 Sending is suspended for %s; %s", s.Subject.Name, until)
}

// overText says which limit is in the way, and when it is not.
func overText(code string, m *sendlimit.Mark) string {
	limit := fmt.Sprintf("%s Sending limit of %s for %s", code, limitText(m.Limit), m.Subject.Name)
	switch {
	case m.Free.IsZero() && m.Limit.Max == 0:
		return limit + ": nothing may be sent"
	case m.Free.IsZero():
		return limit + ": this message alone is more"
	}
	return limit + " reached; try again after " + clock(m.Free)
}

// limitText is, say, "500 recipients per day" or "60 messages per 1h".
func limitText(l sendlimit.Limit) string {
	return fmt.Sprintf("%d %s per %s", l.Max, l.Unit, WindowText(l.Window))
}

// WindowText is "day", or a duration in its shortest form.
func WindowText(w sendlimit.Window) string {
	if w == sendlimit.Day {
		return "day"
	}
	switch d := time.Duration(w); {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// clock is a time as people in any zone read it, rounded up to whole seconds.
func clock(t time.Time) string {
	return t.UTC().Add(time.Second - 1).Truncate(time.Second).Format("2006-01-02 15:04:05 UTC")
}

package page

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// since says how long something takes or is ago.
func since(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// when tells a time, "never" for none.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// whenever is when for a time that there may not be.
func whenever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return when(*t)
}

// number groups the digits of a number.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return sign + s
}

// size tells a number of bytes.
func size(bytes int64) string {
	v, units := float64(bytes), []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for v >= 1024 && len(units) > 1 { // 1,048,576 bytes are Modoboa's MB
		v, units = v/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	if v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[0])
	}
	return fmt.Sprintf("%.3g %s", v, units[0])
}

// quota tells a quota in MB; 0 is none.
func quota(mb int64) string {
	switch {
	case mb == 0:
		return "unlimited"
	case mb%1024 != 0:
		return number(mb) + " MB" // as it was typed
	}
	return size(mb << 20)
}

// perSecond tells a rate.
func perSecond(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return number(int64(v + 0.5))
}

// several tells how many there are of something.
func several(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

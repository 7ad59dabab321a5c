package postfixadmin

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

const megabyte = 1 << 20

// megabytes turns mailbox.quota, in bytes, into MB, rounded up: nobody gets
// less than he had. PostfixAdmin's own MB has 1,024,000 bytes unless
// quota_multiplier says otherwise, so exact is false more often than not.
// 0 is no limit, and so is what is below.
func megabytes(bytes int64) (mb int64, exact bool) {
	if bytes <= 0 {
		return 0, true
	}
	return (bytes-1)/megabyte + 1, bytes%megabyte == 0
}

// limit is a number of MB for a column of 32 bits. 0 and less is no limit, and
// so must be what does not fit.
func limit(mb int64) (n int64, fits bool) {
	if mb > math.MaxInt32 {
		return 0, false
	}
	return max(mb, 0), true
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// yes reads a boolean as the engines print it.
func yes(s string) bool { return s == "1" || s == "t" || s == "true" }

// moment reads a timestamp. PostfixAdmin's "never" is the year 2000 or, in
// MySQL, 0.
func moment(s string) (time.Time, bool) {
	t, err := rows.ParseTime(s)
	return t, err == nil && t.Year() > 2000
}

// errNoHop says that a transport leads to no other host.
var errNoHop = errors.New("names no next hop such as smtp:[host]:25")

// nextHop reads domain.transport, a line of transport(5) without its pattern:
// service:[host]:port. lookup says that Postfix would ask for the MX of host.
func nextHop(s string) (t *rows.Transport, lookup bool, err error) {
	service, hop, _ := strings.Cut(strings.TrimSpace(s), ":")
	if hop == "" || !strings.HasPrefix(service, "smtp") && !strings.HasPrefix(service, "relay") {
		return nil, false, errNoHop
	}
	var host, port string
	if rest, ok := strings.CutPrefix(hop, "["); ok {
		var closed bool
		host, port, closed = strings.Cut(rest, "]")
		if port, ok = strings.CutPrefix(port, ":"); !closed || !ok && port != "" {
			return nil, false, fmt.Errorf("%q is not [host]:port", rows.Shown(hop))
		}
		host = strings.TrimPrefix(strings.ToLower(host), "ipv6:")
	} else {
		host, port, _ = strings.Cut(hop, ":")
		lookup = true
	}
	t = &rows.Transport{Host: store.Fold(host), Port: 25}
	if err := rows.CheckHost(t.Host); err != nil {
		return nil, false, fmt.Errorf("host %q %w", rows.Shown(host), err)
	}
	switch port {
	case "", "smtp":
	case "submission":
		t.Port = 587
	default:
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return nil, false, fmt.Errorf("port %q is not a number from 1 to 65535", rows.Shown(port))
		}
		t.Port = int(n)
	}
	if len(t.NextHop()) > 100 {
		return nil, false, fmt.Errorf("host %q is too long", rows.Shown(host))
	}
	return t, lookup, nil
}

// names splits mailbox.name at the first blank, as Modoboa's own migration
// does, and cuts what is too long for its column or cannot be stored.
func names(t rows.Table, name string) (first, last string, cut bool) {
	clean := func(column, s string) string {
		if t.Fits("core_user", column, s) == nil {
			return s
		}
		cut = true
		s = strings.Map(func(r rune) rune {
			if rows.CheckBytes(string(r)) != nil {
				return -1
			}
			return r
		}, strings.ToValidUTF8(s, ""))
		for r := []rune(s); t.Fits("core_user", column, s) != nil; s = string(r) {
			r = r[:len(r)-1]
		}
		return strings.TrimSpace(s)
	}
	first, last, _ = strings.Cut(strings.TrimSpace(name), " ")
	return clean("first_name", first), clean("last_name", strings.TrimSpace(last)), cut
}

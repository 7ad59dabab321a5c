package api

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/admin/manage"
)

// quotaShape is a size as people write it.
var quotaShape = regexp.MustCompile(`(?i)^(\d{1,12})\s*([KMGT]?)I?B?$`)

// parseQuota reads a size in MB, which may have another unit. A kilobyte that
// does not fill a megabyte counts as one.
func parseQuota(text string) (mb int64, ok bool) {
	m := quotaShape.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, false
	}
	switch strings.ToUpper(m[2]) {
	case "K":
		return (n + 1023) / 1024, true
	case "G":
		return n << 10, true
	case "T":
		return n << 20, true
	}
	return n, true
}

// quota reads a size in MB: a number, or a string that may have a unit.
func (o *object) quota(name string) (v manage.Opt[int64]) {
	raw, ok := o.value(name)
	if !ok {
		return v
	}
	text := strings.TrimSpace(strings.Trim(string(raw), `"`))
	mb, ok := parseQuota(text)
	switch {
	case ok:
		return o.within(name, mb, 0)
	case strings.HasPrefix(text, "-"):
		o.fail(name, "Ensure this value is greater than or equal to 0.")
	default:
		o.fail(name, "Invalid quota: give a number of MB, or one with K, M, G or T behind it.")
	}
	return v
}

// percent says how much of something is used, in whole percent.
func percent(used, of int64) int64 {
	if of <= 0 {
		return 0
	}
	return int64(float64(used) / float64(of) * 100)
}

// megabyte is what quotas are counted in.
const megabyte = 1 << 20

package alarm

// Level is a threshold with hysteresis: crossed from below at On percent, and from
// above below Off. On 0 is never crossed.
type Level struct{ On, Off int }

// Above reports whether used of all is above, given whether it was.
func (l Level) Above(was bool, used, all int64) bool {
	bound := l.On
	if was {
		bound = l.Off
	}
	if l.On <= 0 || all <= 0 || used < 0 {
		return false
	}
	return float64(used)*100 >= float64(bound)*float64(all)
}

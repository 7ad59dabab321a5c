package modoboa

import (
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	noon := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).UnixMicro()
	tests := []struct {
		name, text string
		want       int64
	}{
		{"postgres", "2026-07-01 12:00:00+00", noon},
		{"postgres with a fraction", "2026-07-01 12:00:00.5+00", noon + 500000},
		{"postgres in another zone", "2026-07-01 17:30:00+05:30", noon},
		{"mariadb", "2026-07-01 12:00:00.000001", noon + 1},
		{"django on sqlite", "2026-07-01 12:00:00", noon},
		{"iso", "2026-07-01T12:00:00Z", noon},
		{"iso with an offset", "2026-07-01T14:00:00.25+02:00", noon + 250000},
		{"iso without an offset", "2026-07-01T12:00:00", noon},
		{"go", "2026-07-01 12:00:00 +0000 UTC", noon},
		{"sqlite's datetime to the minute", "2026-07-01 12:00", noon},
		{"a date", "2026-07-01", noon - 12*3600*1e6},
		{"before 1970", "1969-12-31 23:59:59", -1e6},
		{"1970 itself is not never", "1970-01-01 00:00:00+00", -1},
		{"nanoseconds", "2026-07-01 12:00:00.123456789", noon + 123456},
		{"never", "infinity", 0},
		{"always", "-infinity", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := parseTime(tt.text); got != tt.want || err != nil {
				t.Errorf("parseTime(%q) = %d, %v; want %d", tt.text, got, err, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "0", "1700000000", "soon", "0000-00-00 00:00:00.000000", "2026-02-30 00:00:00", "2026-07-01 12:00:00 BC", "2026-07-01 25:00:00", "2026-07-01\x00"} {
		if got, err := parseTime(bad); err == nil {
			t.Errorf("parseTime(%q) = %d, want an error", bad, got)
		}
	}
}

// FuzzParseTime: a timestamp that is read, written by us and read again is the
// same.
func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-07-01 12:00:00.5+00", "2026-07-01T12:00:00Z", "2026-07-01", "infinity", "9999-12-31 23:59:59.999999", "2026-07-01 12:00:00 -0700 MST"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		us, err := parseTime(s)
		at := time.UnixMicro(us).UTC()
		if err != nil || us == 0 || us == -1 || at.Year() < 0 || at.Year() > 9999 {
			return // an offset may lead out of the years that have four digits
		}
		text := at.Format("2006-01-02 15:04:05.000000")
		if again, err := parseTime(text); again != us {
			t.Fatalf("%q is %d, written as %q it is %d, %v", s, us, text, again, err)
		}
	})
}

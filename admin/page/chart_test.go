package page

import (
	"strings"
	"testing"
	"time"
)

// Areas stand one on the other, the newest at the right; the scale ends at a
// round number.
func TestChart(t *testing.T) {
	low, high := make([]uint32, RateSeconds), make([]uint32, RateSeconds)
	for i := range low {
		low[i] = 10
		if i >= RateSeconds-chartStep {
			high[i] = 30
		}
	}
	c := newChart([]Rate{{Protocol: "socketmap", Seconds: low, Connections: 4}, {Protocol: "dict", Seconds: high}, {Protocol: "auth", Seconds: []uint32{5}}})
	if c.Top != "50" || c.Middle != "25" {
		t.Errorf("scale to %s, half of it %s", c.Top, c.Middle)
	}
	if want := "Requests of the last ten minutes: now 45 a second, at most 41."; c.Summary != want {
		t.Errorf("summary %q", c.Summary)
	}
	first, second, third := c.Bands[0], c.Bands[1], c.Bands[2]
	if first.Now != "10" || first.Minute != "10" || first.Peak != "10" || first.Open != 4 {
		t.Errorf("%+v", first)
	}
	if second.Now != "30" || second.Minute != "2.5" || second.Peak != "30" {
		t.Errorf("%+v", second)
	}
	if third.Now != "5.0" || third.Peak != "5.0" {
		t.Errorf("of one second alone: %+v", third)
	}
	if !strings.HasPrefix(first.Path, "M0 128.0L5 128.0") || !strings.HasSuffix(first.Path, "L5 160.0L0 160.0Z") {
		t.Errorf("the lowest area: %s", first.Path)
	}
	if !strings.Contains(second.Path, "L594 128.0L600 32.0L600 128.0L594 128.0") { // the lines above and below meet at the right
		t.Errorf("the second area: %s", second.Path)
	}
	if n := strings.Count(first.Path, "L"); n != 2*chartPoints-1 {
		t.Errorf("%d lines", n)
	}
	empty := newChart([]Rate{{Protocol: "dict"}})
	if empty.Top != "1.0" || empty.Bands[0].Now != "0" || strings.Contains(empty.Bands[0].Path, "NaN") {
		t.Errorf("of nothing: %+v", empty)
	}
}

func TestScale(t *testing.T) {
	for v, want := range map[float64]float64{0: 1, 0.2: 1, 1: 1, 1.1: 2, 3: 5, 5: 5, 7: 10, 10: 10, 11: 20, 1999: 2000, 50001: 100000} {
		if got := scale(v); got != want {
			t.Errorf("%v: %v, want %v", v, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{since(-time.Second), "0 s"},
		{since(1500 * time.Millisecond), "1.5 s"},
		{since(90 * time.Second), "90 s"},
		{since(5 * time.Minute), "5 min"},
		{since(30 * time.Hour), "30 h"},
		{since(100 * time.Hour), "4 days"},
		{size(0), "0 B"},
		{size(1023), "1023 B"},
		{size(1 << 20), "1 MB"},
		{size(9_000_000), "8.58 MB"},
		{size(700 << 20), "700 MB"},
		{size(3 << 40), "3 TB"},
		{size(1<<63 - 1), "8192 PB"},
		{quota(0), "unlimited"},
		{quota(1000), "1\u202f000 MB"},
		{quota(2048), "2 GB"},
		{number(-1234567), "-1\u202f234\u202f567"},
		{number(999), "999"},
		{perSecond(0), "0"},
		{perSecond(0.25), "0.2"},
		{perSecond(1234.6), "1\u202f235"},
		{when(time.Time{}), "never"},
		{when(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))), "2026-01-02 02:04:05 UTC"},
		{several(1, "alias", "aliases"), "1 alias"},
		{several(0, "alias", "aliases"), "0 aliases"},
		{share("x", 5, 0, "5 of 0").Text, "5 of 0 (100 %)"},
		{share("x", 96, 100, "").Tone, "bad"},
		{share("x", 80, 100, "").Tone, "warn"},
		{share("x", 500, 100, "").Tone, "bad"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
	if b := share("x", 500, 100, ""); b.Percent != 100 {
		t.Errorf("a bar of %d %%", b.Percent)
	}
}

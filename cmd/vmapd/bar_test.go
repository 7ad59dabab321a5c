package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/jobs"
)

// TestBar is what a terminal gets, and what a file does.
func TestBar(t *testing.T) {
	events := []jobs.Event{{Line: "first"}, {Done: 1, Total: 4}, {Line: "second"}, {Done: 1, Total: 4}, {Done: 9, Total: 4}, {Done: 3}}
	const quarter = "[##########                              ]  25 % of 4"
	const whole = "[########################################] 100 % of 4"
	var lines, terminal bytes.Buffer
	b := &bar{lines: &terminal, terminal: &terminal}
	for _, e := range events {
		b.watch(e)
	}
	b.clear()
	want := "first\n\r" + quarter + "\r\x1b[Ksecond\n\r" + quarter + "\r" + whole + "\r\x1b[K"
	if diff := cmp.Diff(want, terminal.String()); diff != "" {
		t.Errorf("terminal (-want +got):\n%s", diff)
	}
	b = &bar{lines: &lines}
	for _, e := range events {
		b.watch(e)
	}
	b.clear()
	if lines.String() != "first\nsecond\n" {
		t.Errorf("a file got %q", lines.String())
	}
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmapd/vmapd/admin/jobs"
)

// bar shows what a job does: its lines, and on a terminal below them how far it
// is.
type bar struct {
	lines    io.Writer
	terminal io.Writer // nil if nobody watches
	drawn    string
}

func (a *app) newBar() *bar {
	b := &bar{lines: a.out}
	if isTerminal(a.err) {
		b.terminal = a.err
	}
	return b
}

// barWidth is the number of characters of a whole bar.
const barWidth = 40

func (b *bar) watch(e jobs.Event) {
	if e.Line != "" {
		drawn := b.drawn
		b.clear()
		fmt.Fprintln(b.lines, e.Line)
		b.draw(drawn)
	}
	if e.Total > 0 {
		b.draw(progressBar(e.Done, e.Total))
	}
}

// draw draws over what was drawn, if it looks different.
func (b *bar) draw(s string) {
	if b.terminal != nil && s != b.drawn {
		fmt.Fprintf(b.terminal, "\r%s", s)
		b.drawn = s
	}
}

// clear removes the bar.
func (b *bar) clear() {
	if b.drawn != "" {
		fmt.Fprint(b.terminal, "\r\x1b[K")
		b.drawn = ""
	}
}

// progressBar is such as "[#####               ]  25 % of 200".
func progressBar(done, total int64) string {
	done = min(max(done, 0), total)
	full := int(done * barWidth / total)
	return fmt.Sprintf("[%s%s] %3d %% of %d", strings.Repeat("#", full), strings.Repeat(" ", barWidth-full), done*100/total, total)
}

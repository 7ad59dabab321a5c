package linetest

import (
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

// PlaySplits plays every transcript in testdata with what the client sends cut
// at random places, on an event loop and without.
func PlaySplits(t *testing.T, serve ServeFunc) { PlaySplitsIn(t, "testdata", serve) }

// PlaySplitsIn is PlaySplits for the transcripts in a folder.
func PlaySplitsIn(t *testing.T, dir string, serve ServeFunc) {
	EachIn(t, dir, func(t *testing.T, tr *Transcript) {
		property.Check(t, func(t *rapid.T) {
			var parts, again []io.Reader
			for rest := tr.Sent(); rest != ""; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "n")
				parts, again = append(parts, strings.NewReader(rest[:n])), append(again, strings.NewReader(rest[:n]))
				rest = rest[n:]
			}
			out, err := Run(serve, io.MultiReader(parts...))
			tr.Check(t, out, err)
			out, err = RunLooped(serve, io.MultiReader(again...))
			tr.Check(t, out, err)
		})
	})
}

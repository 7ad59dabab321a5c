package mailtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Complaints returns the lines of the log that tell of a broken set-up: fatal
// errors, panics, warnings about lookups and milters.
func (p *Postfix) Complaints() []string {
	b, _ := os.ReadFile(p.LogFile)
	var bad []string
	for line := range strings.Lines(string(b)) {
		for _, word := range []string{"fatal:", "panic:", "error:", "lookup problem", "lookup failure", "throttling", "milter"} {
			if strings.Contains(line, word) {
				bad = append(bad, strings.TrimSpace(line))
				break
			}
		}
	}
	return bad
}

// Lines returns the lines of the log that match an expression.
func (p *Postfix) Lines(expression string) (found []string) {
	b, _ := os.ReadFile(p.LogFile)
	match := regexp.MustCompile(expression)
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); match.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// WaitIdle waits until the instance has nothing left to do: no mail in the
// queues through which mail flows. It returns an error after the time limit,
// or if mail was put aside for a later attempt.
func (p *Postfix) WaitIdle(limit time.Duration) error {
	// A bounce is queued before the mail it is about is removed, behind the back
	// of a look at one directory after the other: look twice.
	deadline := time.Now().Add(limit)
	for empty := 0; empty < 2; {
		files := p.queued("maildrop", "incoming", "active")
		if len(files) == 0 {
			empty++
		} else {
			empty = 0
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("mail is still in the queue after %v: %v", limit, files)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if files := p.queued("deferred", "corrupt"); len(files) > 0 {
		return fmt.Errorf("mail was deferred: %v", files)
	}
	return nil
}

// queued lists the files below some queues.
func (p *Postfix) queued(queues ...string) []string {
	var files []string
	for _, q := range queues {
		filepath.WalkDir(filepath.Join(p.queue, q), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, path)
			}
			return nil // a file that went away while we look is what we wait for
		})
	}
	return files
}

package api

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// exchange is a request to a real Modoboa and its answer, as they were recorded.
type exchange struct {
	line   int
	who    string // "" = without a token; of a transcript "admin"
	method string
	path   string
	body   any
	status int
	answer any // what is there of it: long ones were cut off
	sql    string
	rows   string // of sql: tuples of Python
}

// recorded reads a file of the recordings, and skips the test without them.
func recorded(t *testing.T, release, kind string) []string {
	t.Helper()
	dir := os.Getenv("VMAPD_FIXTURES")
	if dir == "" {
		t.Skip("VMAPD_FIXTURES is not set")
	}
	text, err := os.ReadFile(filepath.Join(dir, "modoboa", release, "modoboa-api-"+kind+"-"+release+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

var (
	transcriptAnswer = regexp.MustCompile(`^ -> (\d+) (.*)$`)
	forwardLine      = regexp.MustCompile(`^POST account/forward/ as (\S+) -> (\d+) (.*)$`)
	behaviourLine    = regexp.MustCompile(`^(anon|user1|domadmin|reseller|admin) +([A-Z]+) +(\S+) +(\{.*?)? ?-> (\d+|EXC) ?(.*)$`)
	sqlLine          = regexp.MustCompile(`^    SQL (.*) => (.*)$`)
)

// transcript reads a recording of how the data was made.
func transcript(t *testing.T, release string) (all []exchange) {
	t.Helper()
	lines := recorded(t, release, "transcript")
	for i := 0; i < len(lines); i++ {
		e := exchange{line: i + 1, who: "admin"}
		if m := forwardLine.FindStringSubmatch(lines[i]); m != nil {
			e.who, e.method, e.path, e.answer = m[1], put, "account/forward/", partialJSON(m[3])
			fmt.Sscan(m[2], &e.status)
			all = append(all, e)
			continue
		}
		words := strings.SplitN(lines[i], " ", 3)
		m := transcriptAnswer.FindStringSubmatch(lines[i+1])
		if len(words) != 3 || m == nil {
			t.Fatalf("line %d is no request: %s", i+1, lines[i])
		}
		e.method, e.path, e.body, e.answer = words[0], words[1], partialJSON(words[2]), partialJSON(m[2])
		fmt.Sscan(m[1], &e.status)
		all = append(all, e)
		i++
	}
	return all
}

// behaviour reads a recording of what was refused, and of what became of rows.
func behaviour(t *testing.T, release string) (all []exchange) {
	t.Helper()
	for i, line := range recorded(t, release, "behaviour") {
		if m := sqlLine.FindStringSubmatch(line); m != nil {
			all = append(all, exchange{line: i + 1, sql: m[1], rows: m[2]})
			continue
		}
		m := behaviourLine.FindStringSubmatch(line)
		if m == nil {
			if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "bad token 401") && !strings.HasPrefix(line, "DETAIL:") {
				t.Fatalf("line %d is not understood: %s", i+1, line)
			}
			continue
		}
		e := exchange{line: i + 1, who: m[1], method: m[2], path: m[3], status: 500}
		if m[4] != "" {
			e.body = partialJSON(m[4])
		} else if strings.HasPrefix(m[3], "{") {
			t.Fatalf("line %d: %s", i+1, line)
		}
		if m[5] != "EXC" {
			fmt.Sscan(m[5], &e.status)
			e.answer = partialJSON(m[6])
		}
		all = append(all, e)
	}
	return all
}

// partialJSON reads as much of a JSON value as there is; what is cut off in the
// middle is left out.
func partialJSON(text string) any {
	v, _, _ := (&partial{json.NewDecoder(strings.NewReader(text))}).value()
	return v
}

type partial struct{ d *json.Decoder }

// value reads one value; whole is false where the text ends within it, and there
// is false if there is nothing of it to keep.
func (p *partial) value() (v any, there, whole bool) {
	t, err := p.d.Token()
	if err != nil {
		return nil, false, false
	}
	switch t {
	case json.Delim('{'):
		o := map[string]any{}
		for p.d.More() {
			name, err := p.d.Token()
			if err != nil {
				return o, true, false
			}
			v, there, whole := p.value()
			if there {
				o[name.(string)] = v
			}
			if !whole {
				return o, true, false
			}
		}
		_, err := p.d.Token()
		return o, true, err == nil
	case json.Delim('['):
		l := []any{}
		for p.d.More() {
			v, there, whole := p.value()
			if there {
				l = append(l, v)
			}
			if !whole {
				return l, true, false
			}
		}
		_, err := p.d.Token()
		return l, true, err == nil
	}
	return t, true, true
}

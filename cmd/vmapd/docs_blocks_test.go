package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are the pages for administrators, by their paths.
func documents(t *testing.T) (texts map[string]string) {
	t.Helper()
	texts = map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "contrib/*.md", "contrib/*/*.md"} {
		files, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[strings.TrimPrefix(file, "../../")] = string(text)
		}
	}
	return texts
}

// A block is a fenced piece of a page. The line before its fence may say more
// about it, which a reader of the page does not see:
//
//	<!-- exits: 1 -->                    its commands end with another status than 0
//	<!-- run by: make test-packages -->  a test, or a target of the Makefile, that runs it
//	<!-- not run: why -->                nobody can
type block struct {
	page           string
	line           int
	language, text string
	note, value    string // "exits", "1"
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// errIndented is what a page is refused for whose code is not fenced: nobody
// knows what it is.
var errIndented = errors.New("code is indented here: fence it and say what it is")

// scan finds the blocks of a page, in their order.
func scan(page, text string) (list []block, err error) {
	var (
		fence       = regexp.MustCompile("^( *)```(.*)$")
		note        = regexp.MustCompile(`^ *<!-- ([a-z ]+): (.+) -->$`)
		open        *block
		indent, was string
	)
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case m != nil && open == nil:
			open = &block{page: page, line: i + 1, language: m[2]}
			indent = m[1]
			if n := note.FindStringSubmatch(was); n != nil {
				open.note, open.value = n[1], n[2]
			}
		case m != nil:
			list, open = append(list, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(line, "    ") && strings.TrimSpace(was) == "" && !nested(line):
			err = errors.Join(err, fmt.Errorf("%s:%d: %w", page, i+1, errIndented))
		}
		was = line
	}
	if open != nil {
		err = errors.Join(err, fmt.Errorf("%s: the block does not end", open))
	}
	return list, err
}

// nested reports whether an indented line is an item of a list in a list.
func nested(line string) bool {
	return regexp.MustCompile(`^ +([-*]|\d+\.) `).MatchString(line)
}

// blocks are all blocks of the documentation, by page.
func blocks(t *testing.T) map[string][]block {
	t.Helper()
	all := map[string][]block{}
	for page, text := range documents(t) {
		list, err := scan(page, text)
		if err != nil && page != "docs/commands.md" { // made of the commands, which are compared with it
			t.Error(err)
		}
		all[page] = list
	}
	return all
}

// TestScan reads a page whose blocks have all there is to them.
func TestScan(t *testing.T) {
	got, err := scan("a page", "1. x\n\n   <!-- exits: 1 -->\n   ```sh\n   vmapd x\n     y\n   ```\n\n   text\n\n     - item\n\n```\nz\n```\n\n    code\n\n```toml\n")
	want := []block{{"a page", 4, "sh", "vmapd x\n  y\n", "exits", "1"}, {page: "a page", line: 13, text: "z\n"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v", got)
	}
	if !errors.Is(err, errIndented) || !strings.Contains(err.Error(), "a page:17: ") || !strings.Contains(err.Error(), "a page:19: the block does not end") {
		t.Error(err)
	}
}

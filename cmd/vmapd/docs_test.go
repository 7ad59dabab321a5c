package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// treatments say how the blocks of each language are checked. A block in a
// language that is not here has no business on a page: write its check first.
func treatments() map[string]func(t *testing.T, b block) {
	return map[string]func(t *testing.T, b block){
		"toml":           checkToml,
		"postfix":        checkPostfix,
		"postfix-master": checkPostfixMaster,
		"dovecot":        checkDovecot,
		"dovecot-2.4":    checkDovecot24,
		"json":           checkJSON,
		"python":         checkPython,
		"nginx":          checkNginx,
		"yaml":           checkPrometheus,
		"sh":             checkShell,   // and run, by TestDocumentedShell
		"console":        checkConsole, // the same, with what it prints
		"text":           checkText,
	}
}

// TestDocumentedBlocks gives each fenced block to the program that it is for.
func TestDocumentedBlocks(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, list := range blocks(t) {
		for _, b := range list {
			check, known := treatments()[b.language]
			if !known {
				t.Errorf("%s: nothing checks blocks in %q", b, b.language)
				continue
			}
			seen[b.language]++
			t.Run(b.String(), func(t *testing.T) { check(t, b) })
		}
	}
	for _, language := range []string{"toml", "postfix", "dovecot", "dovecot-2.4", "sh"} {
		if seen[language] == 0 {
			t.Errorf("no page has a block in %s", language)
		}
	}
}

// TestDocumentedLinks follows the links to files of this tree.
func TestDocumentedLinks(t *testing.T) {
	found := 0
	for page, text := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d links", found)
	}
}

// TestDocumentedPages: the README leads to every page.
func TestDocumentedPages(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	for page := range texts {
		if strings.HasPrefix(page, "docs/") && !strings.Contains(texts["README.md"], "("+page) {
			t.Errorf("README.md does not lead to %s", page)
		}
	}
}

// TestDocumentedCommands looks whether there are the commands and flags that the
// sentences of the documentation name.
func TestDocumentedCommands(t *testing.T) {
	spans := regexp.MustCompile("`(vmapd [^`]*)`")
	found := 0
	check := func(name, line string) {
		found++
		root := (&app{}).command()
		args := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line))[1:] // what may be left out
		cmd, rest, err := root.Find(args)
		if err == nil && cmd == root && len(args) > 0 {
			err = errors.New("there is no such command")
		}
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, line, err)
		}
	}
	for name, text := range documents(t) {
		if name == "docs/commands.md" {
			continue // it is made of them
		}
		for _, m := range spans.FindAllStringSubmatch(text, -1) {
			check(name, m[1])
		}
	}
	if found < 20 {
		t.Errorf("the documentation names %d commands", found)
	}
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/peers"
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

// A block is a fenced piece of a page.
type block struct{ page, language, text string }

func (b block) String() string { return fmt.Sprintf("%s:\n%s", b.page, b.text) }

// blocks are all fenced pieces of the documentation in a language.
func blocks(t *testing.T, language string) (list []block) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^ *```" + regexp.QuoteMeta(language) + "\n(.*?)^ *```$")
	for page, text := range documents(t) {
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			list = append(list, block{page, language, m[1]})
		}
	}
	return list
}

// TestDocumentedLanguages: every fenced block says what it is, so that it is
// checked; only these are left to the reader.
func TestDocumentedLanguages(t *testing.T) {
	checked := map[string]bool{"toml": true, "postfix": true, "dovecot": true}
	unchecked := map[string]bool{"dovecot-2.4": true, "nginx": true, "python": true, "yaml": true, "json": true, "sh": true, "sql": true, "text": true, "ini": true}
	for page, text := range documents(t) {
		open := false
		for _, m := range regexp.MustCompile("(?m)^ *```(.*)$").FindAllStringSubmatch(text, -1) {
			if open = !open; open && !checked[m[1]] && !unchecked[m[1]] {
				t.Errorf("%s: a block is fenced as %q", page, m[1])
			}
		}
		if open {
			t.Errorf("%s: a fenced block does not end", page)
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

// TestDocumentedPostfix has postconf read every block for main.cf: it complains
// of parameters that nobody uses.
func TestDocumentedPostfix(t *testing.T) {
	list := blocks(t, "postfix")
	if len(list) == 0 {
		t.Error("the documentation shows no main.cf")
	}
	postconf := peers.Program(t, "postconf", "postfix")
	for _, b := range list {
		dir := t.TempDir()
		for name, text := range map[string]string{"main.cf": b.text, "master.cf": ""} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(unindent(text)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.Command(postconf, "-c", dir, "-n").CombinedOutput()
		if err != nil || strings.Contains(string(out), "warning") || strings.Contains(string(out), "fatal") || strings.TrimSpace(string(out)) == "" {
			t.Errorf("%s\npostconf: %v\n%s", b, err, out)
		}
	}
}

// TestDocumentedDovecot has Dovecot 2.3 read every block for dovecot.conf.
func TestDocumentedDovecot(t *testing.T) {
	list := blocks(t, "dovecot")
	if len(list) == 0 {
		t.Error("the documentation shows no dovecot.conf")
	}
	doveconf := peers.Dovecot23(t, "doveconf")
	for _, b := range list {
		file := filepath.Join(t.TempDir(), "dovecot.conf")
		if err := os.WriteFile(file, []byte(unindent(b.text)), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(doveconf, "-n", "-c", file).CombinedOutput(); err != nil || strings.Contains(string(out), "Warning") {
			t.Errorf("%s\ndoveconf: %v\n%s", b, err, out)
		}
	}
}

// unindent takes the indentation of the first line from all lines: in main.cf it
// would mean something.
func unindent(text string) string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	return strings.ReplaceAll("\n"+text, "\n"+indent, "\n")[1:]
}

// TestDocumentedConfigurations checks every toml block of the documentation
// with the program's own eyes.
func TestDocumentedConfigurations(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	// What only an installed system has is left out.
	installed := regexp.MustCompile(`(?m)^ *(group|passwd_file_group) = .*$`)
	secrets := regexp.MustCompile(`(?m)^( *(?:password_file|doveadm_key_file)) = .*$`)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list := blocks(t, "toml")
	for i, b := range list {
		file := fmt.Sprintf("%s/%d.toml", t.TempDir(), i)
		if err := os.WriteFile(file, []byte(secrets.ReplaceAllString(installed.ReplaceAllString(b.text, ""), "$1 = \""+secret+"\"")), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := daemon.Load(file, nil); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
	}
	if len(list) < 3 {
		t.Errorf("the documentation shows %d configurations", len(list))
	}
}

// TestDocumentedCommands looks whether there are the commands and flags that the
// documentation names.
func TestDocumentedCommands(t *testing.T) {
	lines := regexp.MustCompile("(?m)^ *(vmapd [^#\n]*)")
	spans := regexp.MustCompile("`(vmapd [^`]*)`")
	found := 0
	check := func(name, line string, whole bool) {
		found++
		root := (&app{}).command()
		line, _, _ = strings.Cut(line, "   ")                                           // an explanation
		args := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line))[1:] // what may be left out
		cmd, rest, err := root.Find(args)
		if err == nil && cmd == root && len(args) > 0 {
			err = errors.New("there is no such command")
		}
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && whole {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: %s: %v", name, line, err)
		}
	}
	for name, text := range documents(t) {
		if name == "docs/commands.md" {
			continue // it is made of them
		}
		for _, m := range lines.FindAllStringSubmatch(text, -1) {
			if indent := strings.Index(m[0], "vmapd"); indent >= 4 {
				check(name, m[1], true)
			}
		}
		for _, m := range spans.FindAllStringSubmatch(text, -1) {
			check(name, m[1], false)
		}
	}
	if found < 20 {
		t.Errorf("the documentation names %d commands", found)
	}
}

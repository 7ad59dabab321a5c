package mapdiff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Postmap asks maps. The zero value finds postmap(1) by itself.
type Postmap struct {
	Program string // "": postmap from PATH, or /usr/sbin/postmap
}

// Answers are those of one map, by key. A key that is not there was not found.
type Answers map[string]string

// Ask asks a map for keys, over one connection of its own. An error says that
// the map cannot be asked, with what postmap said of it.
func (p *Postmap) Ask(ctx context.Context, m *Map, keys []string) (Answers, error) {
	if len(keys) == 0 {
		return Answers{}, nil
	}
	dir, err := os.MkdirTemp("", "vmapd-postmap-") // main.cf may name maps that only root reads
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, text := range map[string]string{"main.cf": "compatibility_level = 3.6\n", "master.cf": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	program, err := p.program()
	if err != nil {
		return nil, err
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-c", dir, "-q", "-", m.Type+":"+m.File)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(strings.Join(keys, "\n")+"\n"), &out, &log
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case log.Len() > 0:
		return nil, fmt.Errorf("%s: postmap says: %s", m.File, firstLine(log.String()))
	case err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1): // 1: nothing was found
		return nil, fmt.Errorf("%s: postmap: %w", m.File, err)
	}
	return parseAnswers(out.String()), nil
}

func (p *Postmap) program() (string, error) {
	if p.Program != "" {
		return p.Program, nil
	}
	if path, err := exec.LookPath("postmap"); err == nil {
		return path, nil
	}
	const usual = "/usr/sbin/postmap"
	if _, err := os.Stat(usual); err == nil {
		return usual, nil
	}
	return "", errors.New("postmap is not there: install postfix with its SQL maps (postfix-pgsql, postfix-mysql or postfix-sqlite)")
}

// parseAnswers reads lines of a key, a tab and the value. A value may have line
// breaks in it, which postmap prints as they are.
func parseAnswers(text string) Answers {
	a := Answers{}
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		key, value, ok := strings.Cut(line, "\t")
		switch {
		case ok:
			a[key], last = value, key
		case last != "":
			a[last] += "\n" + line
		}
	}
	return a
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

package mapdiff

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store/db"
)

// Map is one of the operator's files.
type Map struct {
	File string // path of the .cf file
	Type string // "pgsql", "mysql" or "sqlite", as in pgsql:FILE
	// Partial says that Postfix asks it for parts of a key too: its query has no
	// %u and no %d (dict_pgsql.c and others: a table that is not a pattern table).
	Partial bool
}

// Maps are files by the name of the table that replaces them, in the order in
// which main.cf of Modoboa's manual names them.
type Maps map[string][]Map

// order is that of files that share a table: file names without "sql-".
var order = []string{
	"transport", "relaydomains-transport", "spliteddomains-transport",
	"sender-login-map", "sender-login-mailboxes", "sender-login-aliases", "sender-login-mailboxes-extra",
}

// Find returns the maps in a folder. kind is the type of those whose type
// cannot be seen: files of SQLite have a dbpath, and beside Modoboa's files lies
// modoboa-postfix-maps.chk, which has the types of all.
func Find(dir, kind string) (Maps, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.cf"))
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(files, func(a, b string) int { return slices.Index(order, bare(a)) - slices.Index(order, bare(b)) })
	kinds := readKinds(filepath.Join(dir, "modoboa-postfix-maps.chk"))
	maps := Maps{}
	for _, file := range files {
		t, ok := lookup.FindTable(bare(file))
		if !ok {
			continue
		}
		m, err := readMap(file, kinds[filepath.Base(file)], kind)
		if err != nil {
			return nil, err
		}
		name := t.Name
		if name == split { // Postfix asks it in turn with the other one
			name = transport
		}
		maps[name] = append(maps[name], *m)
	}
	if len(maps) == 0 {
		return nil, fmt.Errorf("%s has no map files: want the folder with sql-domains.cf, sql-aliases.cf and so on, which main.cf names", dir)
	}
	return maps, nil
}

// Type is that of maps of a database.
func Type(d *db.DB) string {
	return map[db.Dialect]string{db.PostgreSQL: "pgsql", db.MySQL: "mysql", db.SQLite: "sqlite"}[d.Dialect]
}

// bare is the name of a map file without "sql-" and ".cf".
func bare(file string) string {
	return strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".cf"), "sql-")
}

// readKinds reads the lines FILE:TYPE:MD5 of Modoboa's list of files.
func readKinds(file string) map[string]string {
	text, _ := os.ReadFile(file) // it need not be there
	kinds := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			kinds[f[0]] = map[string]string{"postgres": "pgsql", "mysql": "mysql", "sqlite": "sqlite"}[f[1]]
		}
	}
	return kinds
}

var pattern = regexp.MustCompile(`%[ud1-9]`)

func readMap(file, known, kind string) (*Map, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%w: run this as root", err)
		}
		return nil, err
	}
	m := &Map{File: file, Type: known, Partial: true}
	for _, line := range logical(string(text)) {
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		switch strings.TrimSpace(name) {
		case "dbpath":
			m.Type = "sqlite"
		case "query":
			m.Partial = !pattern.MatchString(strings.ReplaceAll(value, "%%", ""))
		case "table", "select_field":
			return nil, fmt.Errorf("%s has no query but %s: files of Postfix before 2.2 are not understood", file, strings.TrimSpace(name))
		}
	}
	if m.Type == "" {
		m.Type = kind
	}
	if m.Type == "" {
		return nil, fmt.Errorf("%s does not show of what type it is: say --type pgsql or mysql", file)
	}
	return m, nil
}

// logical returns the lines of a file in the form of main.cf: one that begins
// with a blank goes on with the one before it (postconf(5)).
func logical(text string) (out []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(strings.TrimSpace(line), "#"):
		case (line[0] == ' ' || line[0] == '\t') && len(out) > 0:
			out[len(out)-1] += line
		default:
			out = append(out, line)
		}
	}
	return out
}

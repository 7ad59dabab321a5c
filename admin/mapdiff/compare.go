package mapdiff

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup"
	"github.com/vmapd/vmapd/store"
)

// Table asks a table for a key, as [lookup.Resolver.Lookup] does.
type Table func(ctx context.Context, table, key string) (value string, found bool, err error)

// Comparison holds maps against tables.
type Comparison struct {
	Maps    Maps
	Postmap Postmap
	Ask     Table
	Options lookup.Options // of the tables: delimiters, parent domains
	// Odd are names that the database holds in mixed case, folded: a map that
	// minds case never finds them, a table does. See [OddNames].
	Odd map[string]bool
	// Progress, if not nil, is told how many questions of how many were put.
	Progress func(done, total int64)

	done, total int64
}

// Difference is a key for which Postfix would do something else.
type Difference struct {
	Table  string `json:"table"`
	Key    string `json:"key"`
	Maps   string `json:"maps"`  // what the maps lead to, "" = not found
	Vmapd  string `json:"vmapd"` // what the table says, "" = not found
	Reason string `json:"reason,omitempty"`
	// Intended says that vmapd means to answer otherwise, Reason why.
	Intended bool `json:"intended"`
}

// Report is what came of a comparison.
type Report struct {
	Compared    map[string]int `json:"compared"` // keys, by table
	Differences []Difference   `json:"differences"`
	Intended    int            `json:"intended"` // of them
}

// Run compares the answers for keys, by table. A key that differs is asked for a
// second time, because the database may have changed between the two questions.
func (c *Comparison) Run(ctx context.Context, keys map[string][]string) (*Report, error) {
	r := &Report{Compared: map[string]int{}, Differences: []Difference{}}
	for _, table := range slices.Sorted(maps.Keys(c.Maps)) {
		c.total += int64(len(keys[table]))
	}
	for _, table := range slices.Sorted(maps.Keys(c.Maps)) {
		for part := range slices.Chunk(keys[table], 5000) {
			found, err := c.Table(ctx, table, part)
			if err != nil {
				return nil, err
			}
			if found, err = c.Again(ctx, table, found); err != nil {
				return nil, err
			}
			r.Differences = append(r.Differences, found...)
			r.Compared[table] += len(part)
			if c.done += int64(len(part)); c.Progress != nil {
				c.Progress(c.done, c.total)
			}
		}
	}
	for i := range r.Differences {
		if r.Differences[i].Intended {
			r.Intended++
		}
	}
	return r, nil
}

// Again compares the answers for keys that differed, which need not do so any
// more.
func (c *Comparison) Again(ctx context.Context, table string, found []Difference) ([]Difference, error) {
	if len(found) == 0 {
		return nil, nil
	}
	keys := make([]string, len(found))
	for i := range found {
		keys[i] = found[i].Key
	}
	return c.Table(ctx, table, keys)
}

// Table compares the answers of one table.
func (c *Comparison) Table(ctx context.Context, table string, keys []string) ([]Difference, error) {
	all := c.Maps[table]
	answers, err := c.ask(ctx, table, all, keys)
	if err != nil {
		return nil, err
	}
	var out []Difference
	for _, key := range keys {
		theirs := c.outcome(table, all, answers, key)
		ours, found, err := c.Ask(ctx, table, key)
		if err != nil {
			return nil, fmt.Errorf("table %s: %q: %w", table, key, err)
		}
		if !found {
			ours = ""
		}
		if theirs == ours || theirs != "" && ours != "" && same(table, theirs, ours) {
			continue
		}
		d := Difference{Table: table, Key: key, Maps: theirs, Vmapd: ours}
		if _, _, base, _ := cut(key, strings.ToLower(key), c.Options.RecipientDelimiter); base != "" {
			c.judge(&d, c.outcome(table, all, answers, base))
		} else {
			c.judge(&d, "")
		}
		out = append(out, d)
	}
	return out, nil
}

// ask puts all steps of all keys to the maps, each question once.
func (c *Comparison) ask(ctx context.Context, table string, all []Map, keys []string) ([]Answers, error) {
	wanted := make([]map[string]bool, len(all))
	for i := range wanted {
		wanted[i] = map[string]bool{}
	}
	for _, key := range keys {
		_, _, base, _ := cut(key, strings.ToLower(key), c.Options.RecipientDelimiter)
		for _, k := range []string{key, base} {
			for _, s := range steps(table, all, k, &c.Options) {
				if s.key != "" {
					wanted[s.of][s.key] = true
				}
			}
		}
	}
	answers := make([]Answers, len(all))
	for i := range all {
		var err error
		if answers[i], err = c.Postmap.Ask(ctx, &all[i], slices.Sorted(maps.Keys(wanted[i]))); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// outcome is what Postfix makes of the answers, "" = not found.
func (c *Comparison) outcome(table string, all []Map, answers []Answers, key string) string {
	for _, s := range steps(table, all, key, &c.Options) {
		if v := answers[s.of][s.key]; v != "" {
			return withExtension(v, s.extension)
		}
	}
	return ""
}

// The reasons of differences that are meant to be.
const (
	reasonExtension = "vmapd answers for the address without its extension, a map with %u or %d is not asked for that"
	reasonLetters   = "Postfix asks PostgreSQL in Latin-1 (before 3.8) and does not find letters that are not ASCII"
	reasonQuotes    = "vmapd quotes the local part, which is several addresses to Postfix otherwise"
	reasonCase      = "the database has this name in mixed case, which a map that minds case never finds"
)

// judge says why a difference is meant to be, if it is. base is what the maps
// lead to for the key without its extension.
func (c *Comparison) judge(d *Difference, base string) {
	switch {
	case d.Vmapd == "":
	case base != "" && same(d.Table, base, d.Vmapd):
		d.Reason = reasonExtension
	case d.Maps == "" && strings.ContainsFunc(d.Key, func(r rune) bool { return r >= 0x80 }):
		d.Reason = reasonLetters
	case d.Maps != "" && strings.ContainsRune(d.Maps, ' ') && unquoted(d.Maps) == unquoted(d.Vmapd):
		d.Reason = reasonQuotes
	case c.odd(d):
		d.Reason = reasonCase
	}
	d.Intended = d.Reason != ""
}

// odd reports whether a name that the database has in mixed case has to do with
// a difference.
func (c *Comparison) odd(d *Difference) bool {
	key := store.Fold(d.Key)
	names := []string{key}
	if _, domain, base, _ := cut(key, key, c.Options.RecipientDelimiter); domain != "" {
		names = append(names, domain, "@"+domain, base)
	}
	for v := range set(d.Vmapd) {
		names = append(names, v)
	}
	return slices.ContainsFunc(names, func(n string) bool { return c.Odd[n] })
}

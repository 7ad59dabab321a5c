package parameters

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// Book keeps the last good settings: in memory, where reading them costs
// nothing, and in a file for a start while the database is away. Make one with
// [OpenBook]. It is safe for concurrent use.
type Book struct {
	file    string
	current atomic.Pointer[Set]

	mu        sync.Mutex // one change at a time
	kept      kept
	fresh     bool // kept came from the database, and the file has it
	overrides Overrides
}

// kept is what the file holds.
type kept struct {
	Database string    `json:"database"` // URL without password
	Release  Release   `json:"release"`
	Stored   string    `json:"parameters"` // core_localconfig._parameters
	Read     time.Time `json:"read"`
}

// OpenBook opens a book of a database, named as [db.DB] names it. What the file
// says of the same database is in effect until it is read; without it Modoboa's
// defaults are. An error says that the file cannot be used: the book can.
func OpenBook(file, database string, o Overrides) (*Book, error) {
	b := &Book{file: file, overrides: o}
	err := b.load(database)
	if err != nil {
		b.kept = kept{Release: Modoboa271}
	}
	b.current.Store(Parse(b.kept.Stored, b.kept.Release, o))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errOther) {
		err = nil
	}
	return b, err
}

// errOther says that the file is about another database.
var errOther = errors.New("the settings of another database")

func (b *Book) load(database string) error {
	text, err := os.ReadFile(b.file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &b.kept); err != nil {
		return fmt.Errorf("%s: %w", b.file, err)
	}
	if b.kept.Database != database {
		return errOther
	}
	return nil
}

// Current returns the last good settings.
func (b *Book) Current() *Set { return b.current.Load() }

// Read says when the settings were last read from the database, the zero time
// if never.
func (b *Book) Read() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.Read
}

// Override changes what vmapd's file sets.
func (b *Book) Override(o Overrides) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.overrides = o
	b.current.Store(Parse(b.kept.Stored, b.kept.Release, o))
}

// Refresh reads the settings again, reports whether they are others than
// before, and keeps them. After an error the last good ones stay in effect; one
// that says that the file cannot be written comes with those that were read.
func (b *Book) Refresh(ctx context.Context, d *db.DB) (changed bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	release, err := Detect(ctx, d, d)
	if err != nil {
		return false, err
	}
	stored, err := readStored(ctx, d, d)
	if err != nil {
		return false, err
	}
	is := kept{Database: d.Name, Release: release, Stored: stored, Read: time.Now().UTC()}
	next, last := Parse(stored, release, b.overrides), b.Current()
	changed = !same(next, last)
	b.current.Store(next)
	write := !b.fresh || is.Stored != b.kept.Stored || is.Release != b.kept.Release || is.Database != b.kept.Database
	b.kept, b.fresh = is, true
	if !write {
		return changed, nil
	}
	if err := b.save(); err != nil {
		b.fresh = false // tried again
		return changed, fmt.Errorf("keep Modoboa's parameters: %w", err)
	}
	return changed, nil
}

func same(a, b *Set) bool {
	if a.release != b.release || len(a.problems) != len(b.problems) {
		return false
	}
	for i := range a.values {
		if a.values[i] != b.values[i] {
			return false
		}
	}
	return true
}

// save writes the file anew: there are passwords in it.
func (b *Book) save() error {
	text, err := json.MarshalIndent(b.kept, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(b.file), filepath.Base(b.file)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after Rename it is gone
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), b.file)
	}
	return err
}

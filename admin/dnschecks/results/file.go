package results

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vmapd/vmapd/admin/dnschecks"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

func (s *Store) path(id int64) string {
	return filepath.Join(s.o.Dir, strconv.FormatInt(id, 10)+".json")
}

// writeFile replaces the file of a domain. What a crash leaves of it is the
// file before: nothing but a further check would come of a lost one, so it is
// not forced onto the disk.
func (s *Store) writeFile(r *dnschecks.Report) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.o.Dir, 0o750); err != nil {
		return fmt.Errorf("%w: let vmapd's user write to state_dir", err)
	}
	f, err := os.CreateTemp(s.o.Dir, ".new-*")
	if err != nil {
		return fmt.Errorf("%w: let vmapd's user write to state_dir", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path(r.DomainID))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// readFile returns the file of a domain, nil if there is none.
func (s *Store) readFile(id int64) ([]byte, error) {
	text, err := os.ReadFile(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

// Tidy removes the files of domains that are not there any more.
func (s *Store) Tidy(ctx context.Context) error {
	files, err := os.ReadDir(s.o.Dir)
	if errors.Is(err, fs.ErrNotExist) || len(files) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	there := map[string]bool{}
	err = rows.Each(ctx, s.o.DB, s.o.DB, "SELECT id FROM admin_domain", nil, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		there[filepath.Base(s.path(id))] = true
		return err
	})
	if err != nil {
		return fmt.Errorf("read the domains: %w", err)
	}
	for _, f := range files {
		if !there[f.Name()] && !young(f) {
			err = errors.Join(err, os.Remove(filepath.Join(s.o.Dir, f.Name())))
		}
	}
	return err
}

// young reports whether a file may just be being written; one that is not was
// left by a crash.
func young(f fs.DirEntry) bool {
	info, err := f.Info()
	return f.Name()[0] == '.' && (err != nil || time.Since(info.ModTime()) < time.Hour)
}

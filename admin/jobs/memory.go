package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/vmapd/vmapd/store/modoboa"
)

// Remember returns the memory of a database: the table vmapd_job where it is
// there and may be used, else a file of this node, "" for nothing. A failure to
// find out which is a failure of every call.
func Remember(runs modoboa.JobRuns, file string) Memory {
	return &either{runs: runs, file: &fileMemory{path: file}}
}

// either uses a table or a file. The table may come while the daemon runs, so
// it is looked for again.
type either struct {
	runs modoboa.JobRuns
	file *fileMemory
}

// Last implements [Memory].
func (e *either) Last(ctx context.Context, job string) (Past, error) {
	there, err := e.runs.Prepare(ctx)
	if err != nil {
		return Past{}, err
	}
	if !there {
		return e.file.Last(ctx, job)
	}
	r, err := e.runs.Last(ctx, job)
	return Past(r), err
}

// Done implements [Memory].
func (e *either) Done(ctx context.Context, job string, p Past) error {
	there, err := e.runs.Prepare(ctx)
	if err != nil {
		return err
	}
	if !there {
		return e.file.Done(ctx, job, p)
	}
	return e.runs.Done(ctx, job, modoboa.JobRun(p))
}

// fileMemory is a file of JSON: past runs by their jobs.
type fileMemory struct {
	path string
	mu   sync.Mutex
}

// Last implements [Memory]. A damaged file is one in which nothing stands.
func (f *fileMemory) Last(_ context.Context, job string) (Past, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	return all[job], err
}

// Done implements [Memory].
func (f *fileMemory) Done(_ context.Context, job string, p Past) error {
	if f.path == "" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	all, err := f.read()
	if err != nil {
		return err
	}
	all[job] = p
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return replace(f.path, append(text, '\n'))
}

func (f *fileMemory) read() (map[string]Past, error) {
	all := map[string]Past{}
	if f.path == "" {
		return all, nil
	}
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return all, fmt.Errorf("when jobs last ran: %w", err)
	}
	if json.Unmarshal(text, &all) != nil {
		return map[string]Past{}, nil
	}
	return all, nil
}

// replace writes a file that is there whole or as it was. One that root writes
// gets the owner of its folder, who runs the daemon.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after Rename it is gone
	if st, err := os.Stat(filepath.Dir(path)); err == nil && os.Geteuid() == 0 {
		if sys, ok := st.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(sys.Uid), int(sys.Gid)) // who cannot read it says so
		}
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

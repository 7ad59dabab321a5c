package keyring

import (
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// An old key that is still used is kept in a file of its own, mode 0600, so
// that a restart does not forget it: PEM, with the key's names and since when
// it is old. Who deletes the file lets go of the key.

func (r *Ring) keptFile(n name) string {
	sum := sha256.Sum256([]byte(n.domain + "\x00" + n.selector))
	return filepath.Join(r.o.Kept, hex.EncodeToString(sum[:12])+".pem")
}

// KeptFile returns the file in which the old key of a row is kept below a
// folder, if there is one.
func KeptFile(folder, domain, selector string) string {
	r := Ring{o: Options{Kept: folder}}
	return r.keptFile(name{domain, selector})
}

// keptWork returns what is to be done, without the lock, so that the file of a
// key is there while the key is old and no longer. A row that is gone is not
// waited for beyond the life of the process.
func (r *Ring) keptWork(n name, e *entry) func() {
	old := !e.since.IsZero() && e.key != nil && e.round == r.round
	switch {
	case r.o.Kept == "" || r.o.LookOnly || old == e.kept:
		return func() {}
	case !old:
		e.kept = false
		return func() {
			if err := os.Remove(r.keptFile(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.o.Report(Event{Domain: n.domain, Selector: n.selector, Text: "an old key that is not needed any more stays on disk", Err: err})
			}
		}
	}
	key, since := e.key, e.since
	e.kept = true
	return func() {
		if err := r.storeKept(n, key, since); err != nil {
			r.mu.Lock()
			e.kept = false // tried again at the next look
			r.mu.Unlock()
			r.o.Report(Event{Domain: n.domain, Selector: n.selector, Text: "a restart would forget the old key", Err: err})
		}
	}
}

func (r *Ring) storeKept(n name, key *material, since time.Time) error {
	if err := os.MkdirAll(r.o.Kept, 0o700); err != nil {
		return err
	}
	private, err := dkim.ParsePrivate(key.der)
	if err != nil {
		return err
	}
	text, err := dkim.MarshalPrivate(private)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(text)
	block.Headers = map[string]string{"Domain": n.domain, "Selector": n.selector, "Since": since.UTC().Format(time.RFC3339Nano)}
	return store.ReplaceFile(r.keptFile(n), func(f *os.File) error { return pem.Encode(f, block) })
}

// loadKept reads the old keys that a process before this one used.
func (r *Ring) loadKept() {
	if r.o.Kept == "" {
		return
	}
	files, _ := filepath.Glob(filepath.Join(r.o.Kept, "*.pem"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			r.o.Report(Event{Text: "an old key cannot be read", Err: err})
			continue
		}
		block, _ := pem.Decode(text)
		if block == nil {
			continue
		}
		n := name{block.Headers["Domain"], block.Headers["Selector"]}
		since, err := time.Parse(time.RFC3339Nano, block.Headers["Since"])
		if _, bad := dkim.ParsePrivate(block.Bytes); err != nil || bad != nil || r.keptFile(n) != file {
			continue
		}
		r.takeKept(n, &material{block.Bytes}, since)
	}
}

// takeKept notes an old key. A message may have asked for it already, and be
// waiting for the loader.
func (r *Ring) takeKept(n name, key *material, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[n]
	if e == nil {
		e = new(entry)
		r.entries[n] = e
	}
	if e.key == nil {
		r.setKey(e, key)
		e.since, e.kept = since, true
	}
}

// letGo reports whether somebody deleted the file of an old key.
func (r *Ring) letGo(n name, kept bool) bool {
	if !kept {
		return false
	}
	_, err := os.Stat(r.keptFile(n))
	return errors.Is(err, fs.ErrNotExist)
}

// ReadKept returns the public half of an old key that is kept below a folder.
func ReadKept(folder, domain, selector string) (crypto.PublicKey, error) {
	text, err := os.ReadFile(KeptFile(folder, domain, selector))
	if err != nil {
		return nil, err
	}
	private, err := dkim.ParsePrivate(text)
	if err != nil {
		return nil, err
	}
	return private.Public(), nil
}

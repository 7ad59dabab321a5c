package dict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// id is a key of a memory; user is empty for shared keys.
type id struct{ user, key string }

// memory is a Dict that keeps its rows in a map. It commits at once, or when
// release is called if hold is set.
type memory struct {
	mu   sync.Mutex
	rows map[id]string
	log  []string // transactions, in the order they were begun
	hold bool
	held []func()
}

func newMemory() *memory {
	return &memory{rows: map[id]string{
		{"", "shared/passdb/ann@d1.test"}:              `{"password": "{PLAIN}x"}`,
		{"", "shared/userdb/ann@d1.test"}:              `{"uid": 5000}`,
		{"", "shared/userdb/ben@d1.test"}:              `{"uid": 5001}`,
		{"", "shared/userdb/sub/cyn@d1.test"}:          "below",
		{"ann@d1.test", "priv/quota/storage"}:          "1000",
		{"ann@d1.test", "priv/quota/messages"}:         "2",
		{"", "shared/bytes"}:                           "tab\there\nnewline\rcr\x01soh",
		{"", "shared/odd/tab\there\nnewline\rcr\x01s"}: "\x01\x01t",
		{"", "shared/empty"}:                           "",
		{"", "shared/nul"}:                             "a\x00b",
		{"", "shared/nuls/a"}:                          "a",
		{"", "shared/nuls/b"}:                          "a\x00b",
	}}
}

// where is the place of a key.
func where(user, key string) id {
	if strings.HasPrefix(key, "shared/") {
		user = ""
	}
	return id{user, key}
}

func (m *memory) Lookup(_ context.Context, r *Request, dst []byte) ([]byte, bool, error) {
	switch string(r.Key) {
	case "shared/unsure":
		return append(dst, "unused"...), true, errors.New("snapshot is not loaded\n yes")
	case "shared/mute":
		return nil, false, errors.New("")
	case "shared/static":
		return []byte("not\tin dst"), true, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.rows[where(string(r.User), string(r.Key))]
	return append(dst, v...), ok, nil
}

func (m *memory) Iterate(_ context.Context, r *IterateRequest, yield func(key, value []byte) bool) error {
	if string(r.Paths[0]) == "shared/stray/" {
		_ = yield([]byte("shared/stray/a"), nil) && yield([]byte("shared/other"), nil) && yield([]byte("shared/stray/b"), nil)
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var rows [][2]string
	for at, v := range m.rows {
		for _, p := range r.Paths {
			if at.user == where(string(r.User), string(p)).user && strings.HasPrefix(at.key, string(p)) {
				rows = append(rows, [2]string{at.key, v})
				break
			}
		}
	}
	slices.SortFunc(rows, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	for _, row := range rows {
		if !yield([]byte(row[0]), []byte(row[1])) {
			return nil
		}
	}
	if bytes.HasPrefix(r.Paths[0], []byte("shared/unsure")) {
		return errors.New("snapshot is not loaded")
	}
	return nil
}

func (m *memory) Commit(_ context.Context, t *Transaction, done func(error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.log = append(m.log, describe(t))
	apply := func() {
		m.mu.Lock()
		err := m.apply(t)
		m.mu.Unlock()
		done(err)
	}
	if m.hold {
		m.held = append(m.held, apply)
		return
	}
	done(m.apply(t))
}

// describe puts a transaction into words.
func describe(t *Transaction) string {
	s := fmt.Sprintf("%s expire=%v time=%v secret=%v", t.User, t.Expire, t.Time.UTC().Format("2006-01-02 15:04:05.999999999"), t.Secret)
	for _, op := range t.Ops {
		switch op.Kind {
		case Set:
			s += fmt.Sprintf(" set(%s, %q)", op.Key, op.Value)
		case Unset:
			s += fmt.Sprintf(" unset(%s)", op.Key)
		case Add:
			s += fmt.Sprintf(" add(%s, %d)", op.Key, op.Diff)
		}
	}
	return s
}

// release finishes what is held, in order.
func (m *memory) release() {
	m.mu.Lock()
	held := m.held
	m.held = nil
	m.mu.Unlock()
	for _, f := range held {
		f()
	}
}

// count is how many commits are held.
func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.held)
}

func (m *memory) apply(t *Transaction) (err error) {
	for _, op := range t.Ops {
		at := where(t.User, op.Key)
		switch op.Key {
		case "shared/fails":
			return errors.New("disk is full")
		case "shared/uncertain":
			return fmt.Errorf("%w: disk went away", ErrUncertain)
		}
		switch op.Kind {
		case Set:
			m.rows[at] = string(op.Value)
		case Unset:
			delete(m.rows, at)
		case Add:
			n, bad := strconv.ParseInt(m.rows[at], 10, 64)
			if bad != nil {
				err = ErrKeyMissing
				continue
			}
			m.rows[at] = strconv.FormatInt(n+op.Diff, 10)
		}
	}
	return err
}

// testServer gives each connection a memory of its own.
func testServer() *Server {
	return &Server{Prompt: func() bool { return true }, Open: func(c *Client) (Dict, error) {
		if c.Name == "nosuch" {
			return nil, fmt.Errorf("no dict is called %q", c.Name)
		}
		return newMemory(), nil
	}}
}

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

func stored(t testing.TB, s *Snapshot, at time.Time) []byte {
	var out bytes.Buffer
	if err := s.writeTo(&out, "db", "pos", at, func() {}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readBytes(b []byte) (*Snapshot, *storedHead, error) {
	return readSnapshot(bytes.NewReader(b), int64(len(b)), "db")
}

// TestStoredSnapshotComesBack stores random snapshots, edited ones too, and
// edits what was read.
func TestStoredSnapshotComesBack(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		w := newWorld()
		for range rapid.IntRange(0, 20).Draw(t, "rows") {
			w.put(t)
		}
		s := w.build(t)
		edit := s.Edit()
		w.change(t, edit)
		s = edit.Build(time.Time{})
		var out bytes.Buffer
		if err := s.writeTo(&out, "db", "pos", time.Unix(5, 0), func() {}); err != nil {
			t.Fatal(err)
		}
		back, head, err := readBytes(out.Bytes())
		if err != nil || head.Checked.Unix() != 5 || back.Position() != "pos" {
			t.Fatalf("read: %+v %v", head, err)
		}
		if dump(back) != dump(s) || Compare(back, s, func() {}).Rows != 0 {
			t.Fatalf("stored\n%s\nread\n%s", dump(s), dump(back))
		}
		edit = back.Edit()
		w.change(t, edit)
		if got, want := dump(edit.Build(time.Time{})), dump(w.build(t)); got != want {
			t.Fatalf("edited after it was read:\n%s\nwant\n%s", got, want)
		}
	})
}

func TestStoredSnapshotOfManyChunks(t *testing.T) {
	b := NewBuilder()
	fill(b, 20_000)
	s := b.Build(time.Now())
	back, _, err := readBytes(stored(t, s, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	if d := Compare(s, back, func() {}); d.Rows != 0 {
		t.Fatalf("differs: %+v", d)
	}
	for i := range 20_000 {
		if m, ok := back.Mailbox(address(i)); !ok || m.ID != uint32(i+1) || !back.At(address(i)).OnlyItself() {
			t.Fatalf("mailbox %d: %+v %v", i, m, ok)
		}
	}
}

// TestDamagedFilesAreRefused cuts a file at every kind of place, and turns
// bytes in it.
func TestDamagedFilesAreRefused(t *testing.T) {
	b := NewBuilder()
	fill(b, 300)
	whole := stored(t, b.Build(time.Now()), time.Now())
	head := len(storedMagic) + 4 + int(binary.LittleEndian.Uint32(whole[len(storedMagic):]))
	refused := func(what string, file []byte) {
		t.Helper()
		var d *DamagedError
		if s, _, err := readBytes(file); !errors.As(err, &d) {
			t.Errorf("%s: got %v, %v", what, s != nil, err)
		}
	}
	for _, n := range []int{
		0, 1, len(storedMagic) - 1, len(storedMagic), len(storedMagic) + 3, len(storedMagic) + 4, head / 2, head - 1, head, head + 1,
		head + chunkBytes - 1, head + chunkBytes, (head + len(whole)) / 2, len(whole) - 5, len(whole) - 4, len(whole) - 1,
	} {
		refused("cut", whole[:n])
	}
	for at := 0; at < len(whole); at += 1 + at/50 {
		turned := bytes.Clone(whole)
		turned[at] ^= 0x20
		refused("turned", turned)
	}
	refused("longer", append(bytes.Clone(whole), 0))
	if _, _, err := readSnapshot(bytes.NewReader(whole), int64(len(whole)), "other"); err == nil {
		t.Error("the snapshot of another database was taken")
	}
}

func TestFileIsReplacedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot")
	if _, _, err := ReadFile(path, "db"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("no file: %v", err)
	}
	b := NewBuilder()
	fill(b, 10)
	s := b.Build(time.Now())
	at := time.Now().Add(-time.Hour)
	if err := s.WriteFile(path, "db", "p", at, func() {}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	back, checked, err := ReadFile(path, "db")
	if err != nil || !checked.Equal(at) || Compare(s, back, func() {}).Rows != 0 {
		t.Fatalf("read: %v %v", checked, err)
	}
	// A folder that cannot be written to: the file stays.
	if err := s.WriteFile(filepath.Join(path, "no"), "db", "p", at, func() {}); err == nil {
		t.Error("written below a file")
	}
	if _, _, err := ReadFile(path, "db"); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

// TestFullDisk writes where there is no room.
func TestFullDisk(t *testing.T) {
	b := NewBuilder()
	fill(b, 1000)
	s := b.Build(time.Now())
	for _, room := range []int{0, 100, 100 << 10} {
		if err := s.writeTo(&limited{room}, "db", "", time.Now(), func() {}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
}

type limited struct{ room int }

func (l *limited) Write(b []byte) (int, error) {
	if l.room -= len(b); l.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// FuzzReadSnapshot reads files whose last checksum is right for anything that
// may stand in head and checksums.
func FuzzReadSnapshot(f *testing.F) {
	b := NewBuilder()
	fill(b, 3)
	whole := stored(f, b.Build(time.Unix(1, 0)), time.Unix(2, 0))
	head := len(storedMagic) + 4 + int(binary.LittleEndian.Uint32(whole[len(storedMagic):]))
	f.Add(whole[:head], whole[head:len(whole)-4], 4*15)
	f.Add([]byte(storedMagic+"\x02\x00\x00\x00{}"), []byte{}, 0)
	f.Fuzz(func(t *testing.T, head, rest []byte, sums int) {
		sums = max(0, min(sums, len(rest)))
		sum := crc32.Update(crc32.Checksum(head, castagnoli()), castagnoli(), rest[len(rest)-sums:])
		file := binary.LittleEndian.AppendUint32(append(bytes.Clone(head), rest...), sum)
		b, _, err := readColumns(bytes.NewReader(file), int64(len(file)), "db")
		if (err == nil) == (b == nil) {
			t.Fatal("neither a snapshot nor an error")
		}
	})
}

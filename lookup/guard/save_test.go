package guard

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"testing/iotest"
	"time"
)

// TestSipHash has the reference vectors of the algorithm: of the key 00 01 ..
// 0f, the first bytes of 00 01 02 ...
func TestSipHash(t *testing.T) {
	key := sipKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	in := make([]byte, 64)
	for i := range in {
		in[i] = byte(i)
	}
	for n, want := range map[int]uint64{0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 7: 0xab0200f58b01d137, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5} {
		if got := sum(key, in[:n]); got != want || sum(key, string(in[:n])) != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

// TestRestartUnderAttack: the owner is at home still, and an attacker who was
// not stays refused.
func TestRestartUnderAttack(t *testing.T) {
	g, c := newGuard(Settings{})
	try(g, alice, home1, "right", true)
	c.advance(10 * 24 * time.Hour)
	try(g, "bob@example.com", away, "right", true)
	for i := range 40 {
		try(g, "carol@example.com", addr4(i*1000), "right", true)
	}
	var saved bytes.Buffer
	if err := g.Save(&saved); err != nil {
		t.Fatal(err)
	}
	after, clock := newGuard(Settings{})
	clock.t = c.t.Add(time.Hour)
	if err := after.Load(iotest.OneByteReader(&saved)); err != nil {
		t.Fatal(err)
	}
	guesses(after, alice, v6(1, 1), 0, 30)
	guesses(after, "bob@example.com", v6(300, 1), 0, 30)
	if v := probe(after, alice, home1); v != (Verdict{}) {
		t.Errorf("alice at home: %+v", v)
	}
	if v := probe(after, "bob@example.com", home1); !v.Refuse {
		t.Errorf("bob at alice's: %+v", v)
	}
	known := 0
	for i := range 40 {
		k := after.keys("carol@example.com", addr4(i*1000), 0)
		if after.isHome(&k, after.time()) {
			known++
		}
	}
	if known != maxPlaces {
		t.Errorf("%d places of carol are known, want %d", known, maxPlaces)
	}
	clock.advance(4 * 24 * time.Hour)
	guesses(after, alice, v6(1, 1), 0, 30)
	guesses(after, "bob@example.com", v6(2, 1), 100, 30)
	if v := probe(after, alice, home1); !v.Refuse {
		t.Errorf("alice, 14 days after her last login: %+v", v)
	}
	if v := probe(after, "bob@example.com", away); v.Refuse {
		t.Errorf("bob, 4 days after his: %+v", v)
	}
}

func TestDamagedPlacesAreRefused(t *testing.T) {
	g, _ := newGuard(Settings{})
	try(g, alice, home1, "right", true)
	var b bytes.Buffer
	if err := g.Save(&b); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	for i := range good {
		for _, bad := range [][]byte{good[:i], append(bytes.Clone(good[:i]), append([]byte{good[i] ^ 1}, good[i+1:]...)...)} {
			g, _ := newGuard(Settings{MaxEntries: 8, MaxHomes: 8})
			if err := g.Load(bytes.NewReader(bad)); !errors.Is(err, ErrSaved) {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	tiny, _ := newGuard(Settings{MaxEntries: 8, MaxHomes: 8})
	if err := tiny.Load(bytes.NewReader(make([]byte, 1<<20))); !errors.Is(err, ErrSaved) {
		t.Errorf("too much: %v", err)
	}
	if err := tiny.Load(iotest.ErrReader(errAway)); !errors.Is(err, errAway) || errors.Is(err, ErrSaved) {
		t.Errorf("a failing reader: %v", err)
	}
}

// FuzzLoad gives anything with a right checksum: what is taken is within its
// bounds, and is written and read again.
func FuzzLoad(f *testing.F) {
	f.Add([]byte{}, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(make([]byte, 16), append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0}, 0, 0, 0, 0x70, 0, 0, 0, 0))
	f.Add([]byte("0123456789abcdef"), bytes.Repeat([]byte{7}, 9+7*16))
	f.Fuzz(func(t *testing.T, key, entries []byte) {
		b := append(append([]byte(saveMagic), key...), entries...)
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
		g, _ := newGuard(Settings{MaxEntries: 8, MaxHomes: 8})
		if err := g.Load(bytes.NewReader(b)); err != nil {
			if !errors.Is(err, ErrSaved) {
				t.Fatal(err)
			}
			return
		}
		now := g.time()
		for _, s := range g.homes.slots {
			if len(s.value) > maxPlaces || s.until > now+int64(g.s.Remember) {
				t.Fatalf("%d places, until %d", len(s.value), s.until)
			}
		}
		var first, again bytes.Buffer
		other, _ := newGuard(Settings{MaxEntries: 8, MaxHomes: 8})
		if err := errors.Join(g.Save(&first), other.Load(bytes.NewReader(first.Bytes())), other.Save(&again)); err != nil {
			t.Fatal(err)
		}
		if first.Len() != again.Len() {
			t.Fatalf("%d bytes, then %d", first.Len(), again.Len())
		}
	})
}

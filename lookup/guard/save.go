package guard

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// The form of what Save writes, all numbers little-endian: saveMagic; the two
// halves of the key of the hashes; for each account its hash, the number of its
// places in one byte, and of each place the hash and the second (Unix time) at
// which it is forgotten; CRC-32C of all that. Accounts and addresses cannot be
// read from it, but with a list of them be guessed: keep the file to yourself.
const saveMagic = "vmapd guard 1\n"

const (
	saveHead  = len(saveMagic) + 16
	saveEntry = 9
	savePlace = 16
	saveTail  = 4
)

// ErrSaved is wrapped by the errors of Load about what it was given.
var ErrSaved = errors.New("guard: the saved places cannot be used")

// Save writes the known places, for Load. They are what must outlast a
// restart: an attack goes on over one, and the owner is to be at home still.
// What was counted is not saved. The form is made in memory, some 30 bytes for
// each account that has one place.
func (g *Guard) Save(w io.Writer) error {
	b := append([]byte(nil), saveMagic...)
	b = binary.LittleEndian.AppendUint64(b, g.seed[0])
	b = binary.LittleEndian.AppendUint64(b, g.seed[1])
	eachPiece(g, &g.homes, func(part []slot[[]home], now int64) {
		for i := range part {
			if s := &part[i]; s.until > now {
				b = g.appendHomes(b, s, now)
			}
		}
	})
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	_, err := w.Write(b)
	return err
}

func (g *Guard) appendHomes(b []byte, s *slot[[]home], now int64) []byte {
	b = binary.LittleEndian.AppendUint64(b, s.key)
	count := len(b)
	b = append(b, 0)
	for _, h := range s.value {
		if h.until > now {
			b = binary.LittleEndian.AppendUint64(b, h.place)
			b = binary.LittleEndian.AppendUint64(b, uint64(g.wall(h.until).Unix()))
			b[count]++
		}
	}
	return b
}

// Load takes the known places that Save wrote. It is to be called before
// anything else. An error that is ErrSaved says that they are damaged or not
// ours; nothing of them was taken then, and the Guard goes on without.
func (g *Guard) Load(r io.Reader) error {
	most := int64(saveHead + saveTail + len(g.homes.slots)*(saveEntry+maxPlaces*savePlace))
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return fmt.Errorf("guard: read the saved places: %w", err)
	case int64(len(b)) > most:
		return fmt.Errorf("%w: more than MaxHomes accounts", ErrSaved)
	case len(b) < saveHead+saveTail || string(b[:len(saveMagic)]) != saveMagic:
		return fmt.Errorf("%w: not of this version", ErrSaved)
	}
	b, tail := b[:len(b)-saveTail], b[len(b)-saveTail:]
	if crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(tail) {
		return fmt.Errorf("%w: the checksum is wrong", ErrSaved)
	}
	if !wellFormed(b[saveHead:]) {
		return fmt.Errorf("%w: malformed", ErrSaved)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seed = sipKey{binary.LittleEndian.Uint64(b[len(saveMagic):]), binary.LittleEndian.Uint64(b[len(saveMagic)+8:])}
	g.loadHomes(b[saveHead:])
	return nil
}

// wellFormed reports whether b is entries and nothing else.
func wellFormed(b []byte) bool {
	for len(b) >= saveEntry {
		n := int(b[8])
		if n > maxPlaces || len(b) < saveEntry+n*savePlace || binary.LittleEndian.Uint64(b) == 0 {
			return false
		}
		b = b[saveEntry+n*savePlace:]
	}
	return len(b) == 0
}

// loadHomes takes entries that are well-formed.
func (g *Guard) loadHomes(b []byte) {
	now, clock := g.time(), g.s.Now().Unix()
	for len(b) > 0 {
		k := keys{account: binary.LittleEndian.Uint64(b)}
		n := int(b[8])
		b = b[saveEntry:]
		for ; n > 0; n-- {
			k.place = binary.LittleEndian.Uint64(b)
			left := int64(binary.LittleEndian.Uint64(b[8:])) - clock
			b = b[savePlace:]
			// No more than a login of now would give: the clock may have been wrong.
			if remember := int64(g.s.Remember); left > 0 {
				left = min(left, remember/int64(time.Second)+1)
				g.settleIn(&k, now+min(left*int64(time.Second), remember)-remember, now)
			}
		}
	}
}

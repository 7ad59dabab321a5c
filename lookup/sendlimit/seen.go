package sendlimit

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// hash gives the keyed hash of an address. Without the key, which is in the
// file, nobody can tell from it whom an account has written to.
func (e *Engine) hash(address string) uint64 {
	var room [320]byte // the longest address and the key
	b := append(append(room[:0], e.key[:]...), address...)
	sum := sha256.Sum256(b)
	return binary.LittleEndian.Uint64(sum[:])
}

// seen is whom an account has sent to: hashes, the oldest first.
type seen struct {
	list []uint64
	find map[uint64]struct{} // of list, once that is long
}

// short is the length up to which a list is searched from end to end.
const short = 64

func (s *seen) has(h uint64) bool {
	if s.find != nil {
		_, ok := s.find[h]
		return ok
	}
	return slices.Contains(s.list, h)
}

// add remembers hashes, and forgets the oldest if there are more than most.
func (s *seen) add(most int, hashes ...uint64) {
	for _, h := range hashes {
		if s.has(h) {
			continue
		}
		s.list = append(s.list, h)
		if s.find != nil {
			s.find[h] = struct{}{}
		}
		for len(s.list) > most {
			delete(s.find, s.list[0])
			s.list = s.list[1:]
		}
	}
	if s.find == nil && len(s.list) > short {
		s.find = make(map[uint64]struct{}, len(s.list))
		for _, h := range s.list {
			s.find[h] = struct{}{}
		}
	}
}

// remove forgets hashes.
func (s *seen) remove(hashes ...uint64) {
	if len(hashes) == 0 {
		return
	}
	drop := make(map[uint64]bool, len(hashes))
	for _, h := range hashes {
		drop[h] = true
	}
	s.list = slices.DeleteFunc(slices.Clone(s.list), func(h uint64) bool { return drop[h] })
	for _, h := range hashes {
		delete(s.find, h)
	}
}

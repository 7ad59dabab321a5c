package sendlimit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The file begins with fileMagic, whose number grows if what follows changes.
// Then come records: two bytes that mark the beginning of one; the length of its
// content and the CRC-32C of the length and the content, four bytes each,
// little-endian; the content, which is facts (fact.go).
const fileMagic = "vmapd limits 1\n"

const (
	frameMark = "\xc5\x4c"
	frameHead = len(frameMark) + 8
	maxRecord = 16 << 20
)

// seal completes a record that was begun with frameHead bytes.
func seal(b []byte) []byte {
	copy(b, frameMark)
	binary.LittleEndian.PutUint32(b[2:], uint32(len(b)-frameHead))
	binary.LittleEndian.PutUint32(b[6:], checksum(b[2:6], b[frameHead:]))
	return b
}

func checksum(length, content []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, length), table, content)
}

// frameLength gives the length of a sealed record.
func frameLength(b []byte) int { return frameHead + int(binary.LittleEndian.Uint32(b[2:])) }

// nextFrame gives the content of the record at the beginning of b, and its whole
// length; false if there is none, or a part of one.
func nextFrame(b []byte) (content []byte, length int, ok bool) {
	if len(b) < frameHead || string(b[:len(frameMark)]) != frameMark {
		return nil, 0, false
	}
	n := binary.LittleEndian.Uint32(b[2:])
	if n > maxRecord || int(n) > len(b)-frameHead {
		return nil, 0, false
	}
	length = frameHead + int(n)
	content = b[frameHead:length]
	return content, length, checksum(b[2:6], content) == binary.LittleEndian.Uint32(b[6:])
}

// Errors about files.
var (
	errVersion = errors.New("it is not a file of this version of vmapd")
	errContent = errors.New("a record does not make sense")
)

// readFrames calls take with the content of each record behind the magic, and
// gives how much of b is good: up to where a record is cut off at the end, with
// zeros behind it or without. An error says that something in between is damaged,
// or what take objects to; what comes after it is read all the same. While another
// process appends, nothing is damaged: what is no record yet will be one.
func readFrames(b []byte, appended bool, take func(content []byte) error) (good int, err error) {
	budget := 16*len(b) + maxRecord // of bytes that are looked at in search of a record
	for good < len(b) {
		content, n, ok := nextFrame(b[good:])
		if ok {
			if bad := take(content); bad != nil && err == nil {
				err = fmt.Errorf("at byte %d: %w", good, bad)
			}
			good += n
			continue
		}
		if appended {
			return good, err
		}
		skip := findFrame(b[good:], &budget)
		if skip < 0 {
			return good, err // the end was cut off
		}
		if err == nil {
			err = fmt.Errorf("%d bytes at byte %d are damaged", skip, good)
		}
		good += skip
	}
	return good, err
}

// findFrame gives where the next record begins; -1 if there is none, or finding
// it costs too much.
func findFrame(b []byte, budget *int) int {
	for at := 1; ; at++ {
		next := bytes.Index(b[min(at, len(b)):], []byte(frameMark))
		if next < 0 || *budget < 0 {
			return -1
		}
		at += next
		if content, _, ok := nextFrame(b[at:]); ok {
			return at
		} else {
			*budget -= next + len(content)
		}
	}
}

package dkim

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// How far canonicalPrefix goes octet by octet before it looks for lines again:
// twice as far each time that there are none.
const (
	minGap = 64
	maxGap = 4096
)

// canonicalPrefix returns how much of p, which follows neither white space nor
// CR, stands in the canonical form unchanged: every LF follows a CR, after
// every CR comes LF, and, if relaxed, no tab, no two blanks, no blank before a
// CR. It takes whole lines where it can, else eight octets at a time. In its masks
// the top bit of an octet says yes; most octets are no control characters, which
// spares the most.
func (b *body) canonicalPrefix(p []byte) int {
	var crBefore, blankBefore, all uint64
	relaxed := uint64(0)
	if b.relaxed {
		relaxed = top
	}
	i, next, gap := 0, 0, minGap
	for i < len(p) {
		if i >= next && crBefore|blankBefore == 0 {
			n := textLines(p[i:])
			if gap *= 2; n > 0 {
				gap = minGap
			}
			i += n
			next = i + min(gap, maxGap)
			continue
		}
		var v, within uint64
		if len(p)-i >= 8 {
			v, within = binary.LittleEndian.Uint64(p[i:]), top
		} else {
			last := [8]byte{' ' + 1, ' ' + 1, ' ' + 1, ' ' + 1, ' ' + 1, ' ' + 1, ' ' + 1, ' ' + 1}
			within = top >> (64 - 8*copy(last[:], p[i:]))
			v = binary.LittleEndian.Uint64(last[:])
		}
		all |= v
		blank := octets(v, ' ')
		afterBlank := blank<<8 | blankBefore
		wrong := afterBlank & blank & relaxed
		if controls := (v - ones*' ') &^ v & top; controls|crBefore != 0 {
			cr := octets(v, '\r')
			wrong |= (cr<<8 | crBefore) ^ octets(v, '\n') | relaxed&(octets(v, '\t')|afterBlank&cr)
			crBefore = cr >> 56
		}
		if wrong &= within; wrong != 0 {
			i += bits.TrailingZeros64(wrong) / 8
			break
		}
		blankBefore = blank >> 56
		i += 8
	}
	b.eightBit = b.eightBit || all&top != 0
	return min(i, len(p))
}

const (
	ones = ^uint64(0) / 255 // 1 in each of eight octets
	top  = ones << 7
)

// octets returns the mask of the octets of v that are c, which is ASCII.
func octets(v uint64, c byte) uint64 {
	return ^(((v &^ top) ^ ones*uint64(c)) + ^uint64(top) | v) & top
}

// textLines returns how much of p is lines of isText that end with CRLF, without a
// blank before it, or stretches of a line that end with neither blank nor control
// character. Lines of less than 33 octets are not looked at.
func textLines(p []byte) (n int) {
	for {
		line := p[n:min(n+maxLine, len(p))]
		end := bytes.IndexByte(line, '\n')
		if end >= 0 {
			line = line[:end]
		}
		size := len(line)
		switch {
		case size <= textBlock:
			return n
		case end >= 0 && (line[size-1] != '\r' || line[size-2] == ' '):
			return n
		case end < 0 && (line[size-1] <= ' ' || line[size-1] >= 0x80):
			return n
		case !isText(line):
			return n
		}
		n += size
		if end >= 0 {
			n++
		}
	}
}

// textBlock is how many octets isText takes at a time.
const textBlock = 32

// isText says of more than textBlock octets that all but the last are ASCII and no
// control characters, and that no blank follows another.
func isText(p []byte) bool {
	const space, least = ones * ' ', ones * (' ' + 1)
	last := len(p) - textBlock - 1
	for i := 0; ; i = min(i+textBlock, last) {
		q := p[i : i+textBlock+1]
		a, b, c, d := binary.LittleEndian.Uint64(q), binary.LittleEndian.Uint64(q[8:]), binary.LittleEndian.Uint64(q[16:]), binary.LittleEndian.Uint64(q[24:])
		all := a | b | c | d
		if (all|(a-least)|(b-least)|(c-least)|(d-least))&top != 0 { // not all are above the blank
			e, f, g, h := binary.LittleEndian.Uint64(q[1:]), binary.LittleEndian.Uint64(q[9:]), binary.LittleEndian.Uint64(q[17:]), binary.LittleEndian.Uint64(q[25:])
			// Zero where an octet and the one after it are blanks.
			w, x, y, z := a^space|e^space, b^space|f^space, c^space|g^space, d^space|h^space
			if (all|(a-space)|(b-space)|(c-space)|(d-space)|(w-ones)|(x-ones)|(y-ones)|(z-ones))&top != 0 {
				return false
			}
		}
		if i == last {
			return true
		}
	}
}

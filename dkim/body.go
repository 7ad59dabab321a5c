package dkim

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// maxLine is the longest line that SMTP carries, in octets without CRLF (RFC
// 5321, section 4.5.3.1.6).
const maxLine = 998

// body hashes a canonical form of a body that comes in pieces (RFC 6376,
// section 3.4.3 and 3.4.4). Line ends are held back until something follows
// them, as a number: a body of line ends needs no memory.
type body struct {
	relaxed bool
	hash    hash.Hash
	out     []byte // canonical octets on their way to hash

	crlfs   int64 // line ends held back
	blank   bool  // white space held back: one blank, unless the line ends
	cr      bool  // a CR held back: LF may follow
	content bool  // anything but line ends was hashed

	line      int // octets of the line so far
	longLines int
	eightBit  bool
	bareCR    int
}

const outSize = 4096

func (b *body) reset(c Canon) {
	h, out := b.hash, b.out
	if h == nil {
		h, out = sha256.New(), make([]byte, 0, outSize)
	}
	h.Reset()
	*b = body{relaxed: c == Relaxed, hash: h, out: out[:0]}
}

// write takes a piece. Long stretches that are canonical as they are go to the
// hash as they are; the rest goes byte by byte up to the end of its line.
func (b *body) write(p []byte) {
	for len(p) > 0 {
		if !b.blank && !b.cr {
			n := b.canonicalPrefix(p)
			b.copy(p[:n])
			p = p[n:]
		}
		p = p[b.step(p):]
	}
}

// copy takes what canonicalPrefix found, and holds back its end.
func (b *body) copy(p []byte) {
	if n := len(p) - 1; n >= 0 && p[n] == '\r' {
		b.cr = true
		p = p[:n]
	}
	b.countLines(p)
	if n := len(p) - 1; n >= 0 && p[n] == ' ' && b.relaxed {
		b.blank = true
		p = p[:n]
	}
	whole := len(p)
	for len(p) > 0 && p[len(p)-1] == '\n' {
		p = p[:len(p)-2] // its CR is there, see canonicalPrefix
	}
	if len(p) > 0 {
		b.lineEnds()
		b.put(p)
		b.content = true
	}
	b.crlfs += int64(whole-len(p)) / 2
}

// countLines looks for long lines in what canonicalPrefix found. It jumps from
// one line to the last one that ends within reach, not from line to line.
func (b *body) countLines(p []byte) {
	const reach = maxLine + 2
	for len(p) > 0 {
		if room := reach - b.line; room > 0 {
			if last := bytes.LastIndexByte(p[:min(room, len(p))], '\n'); last >= 0 {
				b.line = 0
				p = p[last+1:]
				continue
			}
		}
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			b.line += len(p)
			return
		}
		b.line += end - 1 // without the CR
		b.lineOver()
		p = p[end+1:]
	}
}

func (b *body) lineOver() {
	if b.line > maxLine {
		b.longLines++
	}
	b.line = 0
}

// step takes a piece up to the end of the line and returns its length.
func (b *body) step(p []byte) int {
	for i := 0; i < len(p); {
		c := p[i]
		if b.cr && c != '\n' {
			b.bareCR++
			b.text(newlines[:1])
		}
		b.cr = c == '\r'
		switch {
		case c == '\n':
			b.endLine()
			return i + 1
		case c == '\r':
			i++
		case b.white(c):
			b.blank = true
			b.line++
			i++
		default:
			run := b.run(p[i:])
			b.text(p[i : i+run])
			i += run
		}
	}
	return len(p)
}

func (b *body) white(c byte) bool { return b.relaxed && (c == ' ' || c == '\t') }

// run returns for how long p is text as it is.
func (b *body) run(p []byte) int {
	for i, c := range p {
		if c > ' ' {
			continue
		}
		if c == '\r' || c == '\n' || b.white(c) && (c == '\t' || i+1 == len(p) || p[i+1] <= ' ') {
			return i
		}
	}
	return len(p)
}

func (b *body) endLine() {
	b.blank = false
	b.crlfs++
	b.lineOver()
}

// text takes octets within a line.
func (b *body) text(p []byte) {
	b.lineEnds()
	if b.blank {
		b.blank = false
		b.put(aBlank)
	}
	b.put(p)
	b.content = true
	b.line += len(p)
	if !b.eightBit {
		b.eightBit = !isASCII(p)
	}
}

var aBlank = []byte(" ")

// newlines are written at once where a body has many empty lines.
var newlines = bytes.Repeat([]byte("\r\n"), outSize/2)

// lineEnds lets go the line ends that were held back.
func (b *body) lineEnds() {
	for b.crlfs > 0 {
		n := min(b.crlfs, int64(len(newlines)/2))
		b.put(newlines[:2*n])
		b.crlfs -= n
	}
}

// put hands canonical octets to the hash, small pieces by way of out.
func (b *body) put(p []byte) {
	if len(b.out)+len(p) > cap(b.out) {
		b.hash.Write(b.out)
		b.out = b.out[:0]
	}
	if len(p) >= cap(b.out)/4 {
		if len(b.out) > 0 {
			b.hash.Write(b.out)
			b.out = b.out[:0]
		}
		b.hash.Write(p)
		return
	}
	b.out = append(b.out, p...)
}

// sum ends the body and returns the hash. The canonical form ends with one
// CRLF; that of an empty body is one CRLF if simple, nothing if relaxed.
func (b *body) sum() [sha256.Size]byte {
	if b.cr {
		b.cr = false
		b.bareCR++
		b.text(newlines[:1])
	}
	if b.line > 0 {
		b.lineOver()
	}
	if b.content || !b.relaxed {
		b.put(newlines[:2])
	}
	b.hash.Write(b.out)
	var sum [sha256.Size]byte
	b.hash.Sum(sum[:0])
	return sum
}

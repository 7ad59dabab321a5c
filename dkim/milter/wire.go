package milter

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/emersion/go-milter"
)

const (
	bufferSize = 8 << 10  // most packets are smaller
	pieceSize  = 32 << 10 // of a body
	maxPacket  = 1 << 20  // a field, at most; chunks of bodies have 64 KB
	lengthSize = 4
)

// wire is a connection, which gives whole packets and takes replies. All methods
// but drain are called by one goroutine.
type wire struct {
	net.Conn
	server *Server
	ctx    context.Context
	in     *bufio.Reader
	out    []byte      // replies, not sent yet
	size   int         // bytes of the packet at hand
	left   int         // of them, those that are still to be read
	code   byte        // of that packet
	busy   func() bool // a message is under way

	said  []byte // what the session began with, see pass.go
	known int    // bytes that are still to come whose replies the client knows
	stays bool   // nobody takes the session over

	err   error // why it ended, if that is worth a word
	ended bool

	mu   sync.Mutex
	idle bool // waits for a packet between two messages
	free bool // and may be passed on
}

func (s *Server) newWire(ctx context.Context, nc net.Conn) *wire {
	in, ok := s.wires.Get().(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(nil, bufferSize)
	}
	in.Reset(nc)
	return &wire{Conn: nc, server: s, ctx: ctx, in: in, busy: func() bool { return false }}
}

// release gives the buffer back. A drain that comes late leaves the connection
// alone, which may be another Server's now.
func (w *wire) release() {
	w.mu.Lock()
	w.idle, w.free = false, false
	w.mu.Unlock()
	w.in.Reset(nil)
	w.server.wires.Put(w.in)
}

// run hands every packet to take, which keeps nothing of it and reports whether it
// makes sense, until the connection ends. A body comes in pieces.
func (w *wire) run(take func(code byte, data []byte) bool) {
	for !w.ended && w.arrive() {
		w.in.Discard(lengthSize + 1) //nolint:errcheck // arrive has seen it
		w.left -= lengthSize + 1
		hand := w.whole
		if w.code == byte(milter.CodeBody) {
			hand = w.pieces
		}
		if !hand(take) {
			w.end(&ProtocolError{fmt.Sprintf("the packet %q makes no sense", w.code)})
		}
	}
}

// pieces hands the chunk of a body on as it arrives.
func (w *wire) pieces(take func(code byte, data []byte) bool) bool {
	piece, _ := w.server.pieces.Get().(*[pieceSize]byte)
	if piece == nil {
		piece = new([pieceSize]byte)
	}
	defer w.server.pieces.Put(piece)
	for {
		n, err := w.in.Read(piece[:min(w.left, pieceSize)])
		w.left -= n
		if err != nil {
			w.end(within(err))
			return true
		}
		if !take(w.code, piece[:n]) {
			return false
		}
		if w.left == 0 {
			return true
		}
	}
}

// whole hands a packet on when all of it is there.
func (w *wire) whole(take func(code byte, data []byte) bool) bool {
	data, err := w.in.Peek(min(w.left, bufferSize))
	if err == nil && len(data) < w.left {
		data = make([]byte, w.left)
		_, err = io.ReadFull(w.in, data)
	} else {
		w.in.Discard(len(data)) //nolint:errcheck // it was there
	}
	w.left = 0
	if err != nil {
		w.end(within(err))
		return true
	}
	return take(w.code, data)
}

// arrive waits for a packet and looks at its length and code.
func (w *wire) arrive() bool {
	if !w.answer() {
		return false
	}
	if w.in.Buffered() < lengthSize+1 {
		w.await()
	}
	head, err := w.in.Peek(lengthSize)
	if err != nil && w.drained(err) {
		if w.passOn() {
			w.end(nil)
			return false
		}
		w.await()
		head, err = w.in.Peek(lengthSize)
	}
	if err != nil {
		w.end(w.judge(err, len(head)))
		return false
	}
	length := binary.BigEndian.Uint32(head)
	if length == 0 || length > maxPacket {
		w.end(&ProtocolError{fmt.Sprintf("a packet of %d bytes", length)})
		return false
	}
	w.size = lengthSize + int(length)
	w.left = w.size
	if w.in.Buffered() < w.left {
		w.hurry()
	}
	head, err = w.in.Peek(min(w.left, bufferSize))
	if err != nil {
		w.end(within(err))
		return false
	}
	w.code = head[lengthSize]
	w.remember(head)
	return true
}

// await sets the deadline of the next packet.
func (w *wire) await() {
	limit := orDefault(w.server.MessageTimeout, DefaultMessageTimeout)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = !w.busy()
	w.free = w.idle && w.passable()
	switch ended := w.ctx.Err() != nil; {
	case w.free && ended:
		w.SetReadDeadline(past) //nolint:errcheck // reading says it
		return
	case w.idle && ended:
		limit = w.linger()
	case w.idle:
		limit = w.server.Idle
	}
	var at time.Time
	if limit > 0 {
		at = time.Now().Add(limit)
	}
	w.SetReadDeadline(at) //nolint:errcheck // reading says it
}

// hurry sets the deadline of the rest of a packet.
func (w *wire) hurry() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle, w.free = false, false
	w.SetReadDeadline(time.Now().Add(w.timeout())) //nolint:errcheck // reading says it
}

// drain ends the wait of a connection that is idle. Any goroutine may call it.
func (w *wire) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.idle:
	case w.free:
		w.SetReadDeadline(past) //nolint:errcheck // reading says it
	default:
		w.SetReadDeadline(time.Now().Add(w.linger())) //nolint:errcheck // reading says it
	}
}

func (w *wire) linger() time.Duration  { return orDefault(w.server.Linger, DefaultLinger) }
func (w *wire) timeout() time.Duration { return orDefault(w.server.RequestTimeout, DefaultTimeout) }

// judge says what a client did wrong that sent so many bytes of a packet and
// then nothing.
func (w *wire) judge(err error, bytes int) error {
	switch between := bytes == 0 && !w.busy(); {
	case between && (errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded)):
		return nil
	case bytes == 0 && !errors.Is(err, io.EOF):
		return fmt.Errorf("milter: %w", err)
	}
	return within(err)
}

// within is the error of a packet or message that is not complete.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("milter: %w", err)
}

// end notes why the connection ends.
func (w *wire) end(why error) {
	if !w.ended {
		w.ended, w.err = true, why
	}
}

// reply keeps a reply for flush.
func (w *wire) reply(code byte, parts ...string) {
	size := 1
	for _, p := range parts {
		size += len(p)
	}
	w.out = append(binary.BigEndian.AppendUint32(w.out, uint32(size)), code)
	for _, p := range parts {
		w.out = append(w.out, p...)
	}
}

func (w *wire) flush() bool {
	if len(w.out) == 0 {
		return true
	}
	w.SetWriteDeadline(time.Now().Add(w.timeout())) //nolint:errcheck // writing says it
	_, err := w.Conn.Write(w.out)
	w.out = w.out[:0]
	if err != nil {
		w.end(fmt.Errorf("milter: %w", err))
	}
	return err == nil
}

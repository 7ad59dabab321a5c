package sendlimit

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// output is a file that records are appended to, so that they outlive this
// process, however it ends. For that it is enough to copy them into memory that is
// the file's (mmap(2) with MAP_SHARED), which takes no system call: the end of the
// file is mapped, with zeros behind it for what is to come.
//
// Whoever touches a page of it for the first time, or after it was brought to the
// disk, may have to wait for the disk, and keeps a processor from all others then,
// which a system call does not. So pages are made ready with a system call, and what
// comes while they are not is written with write(2): all of a file that cannot be
// mapped.
type output struct {
	f      *os.File
	size   int64 // of what is whole
	mapped bool
	piece  []byte // of the file, where the next records go; only if it is mapped
	begin  int64  // of the piece in the file
	ready  int64  // up to where its pages are; 0 if none are
	stride int64  // how far they are made ready
	sent   int64  // up to where the file was sent to the disk ahead of sync
}

// How far pages are made ready. They go to the disk even if they are not used, so
// it is little, but twice as much each time that was not enough until the next
// sync.
const (
	readyBy   = 16 << 10
	readyMost = 1 << 20
)

// growBy is how far a mapped file is ahead of what is in it, at least: the more,
// the more seldom it has to grow.
const growBy = 256 << 10

// newOutput makes one of a file that has size bytes. If it is to be mapped, and
// that is not possible, it is written.
func newOutput(f *os.File, size int64, mapped bool) *output {
	o := &output{f: f, size: size, stride: readyBy, sent: size}
	o.mapped = mapped && o.grow(size) == nil && o.prepare(size) == nil
	if mapped && !o.mapped {
		_ = o.trim() // room behind the end does no harm
	}
	return o
}

// append writes records, in order. After an error what is in the file ends
// somewhere in them.
func (o *output) append(records []byte) error {
	end := o.size + int64(len(records))
	if err := o.makeRoom(end); err != nil {
		return err
	}
	if end <= o.ready {
		return o.copy(records)
	}
	if _, err := o.f.WriteAt(records, o.size); err != nil {
		_ = o.f.Truncate(o.size) // reading finds its end in any case
		return err
	}
	o.size = end
	return nil
}

// makeRoom sees that the piece reaches to a place, and that pages are ready as far
// as that, if any are. A file that cannot grow is written from then on.
func (o *output) makeRoom(to int64) error {
	if o.mapped && to > o.end() {
		if err := o.whole(); err != nil {
			return err
		}
		if o.grow(to) != nil {
			o.mapped = false
			return o.trim()
		}
	}
	if o.ready > 0 && o.ready < to {
		o.stride = min(2*o.stride, readyMost)
		return o.prepare(to)
	}
	return nil
}

// copy copies records into the piece. One is copied after the other: so whenever
// the process is killed the last one alone may be a part of one, as its checksum
// says.
//
// Where the file has lost its place on the disk, as when somebody has cut it
// off, the kernel answers with SIGBUS, which is made an error here.
func (o *output) copy(records []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fault(r)
		}
	}()
	for len(records) > 0 {
		n := frameLength(records)
		copy(o.piece[o.size-o.begin:], records[:n])
		o.size += int64(n)
		records = records[n:]
	}
	return nil
}

var errCutOff = errors.New("the disk has no place any more for a part of the file: it was cut off by somebody, or the disk fails")

// fault makes an error of a panic that memory has caused; other panics go on.
func fault(r any) error {
	if _, ok := r.(interface{ Addr() uintptr }); !ok {
		panic(r)
	}
	return fmt.Errorf("%w: %v", errCutOff, r)
}

// end gives where the room of the file ends.
func (o *output) end() int64 { return o.begin + int64(len(o.piece)) }

// grow makes a piece that begins at the end, and reaches behind a place. Its blocks
// on the disk are reserved: if that is full it is said here, and not when they are
// used.
func (o *output) grow(to int64) error {
	begin := pageOf(o.size)
	piece, err := mapPiece(o.f, begin, int(pageBehind(to+max(growBy, 4*o.stride))-begin))
	if err != nil {
		return err
	}
	unmap(o.piece)
	o.piece, o.begin, o.ready = piece, begin, min(o.ready, o.size)
	return nil
}

// prepare makes pages ready, from the end up to somewhere behind a place in the
// piece.
func (o *output) prepare(place int64) error {
	o.ready = 0
	if len(o.piece) == 0 {
		return nil
	}
	to := min(pageBehind(place+o.stride), o.end())
	if err := populate(o.piece[pageOf(o.size)-o.begin : to-o.begin]); err != nil {
		return fmt.Errorf("%w: %w", errCutOff, err)
	}
	o.ready = to
	return nil
}

// pageOf gives where the page of a place begins, pageBehind the next one from a
// place on.
func pageOf(place int64) int64     { return place - place%int64(os.Getpagesize()) }
func pageBehind(place int64) int64 { return pageOf(place + int64(os.Getpagesize()) - 1) }

// tire says that pages are not ready any more: those that are brought to the disk
// are not, nor are, after some time, those that nobody has used.
func (o *output) tire() { o.ready = 0 }

// send sends the pages up to a place to the disk, and waits until they are there,
// but not for what the file system notes about them: that is sync's. Those pages
// are full: whoever appends meanwhile does not touch them.
func (o *output) send(to int64) error {
	err := sendPages(o.f, o.sent, to-o.sent)
	o.sent = to
	return err
}

// sync brings the file to the disk, and what was copied into it: both are the same
// pages (fsync(2)). It may be called while others append.
func (o *output) sync() error { return o.f.Sync() }

// relax says that the file was synced.
func (o *output) relax() { o.stride = max(o.stride/2, readyBy) }

// whole reports an error if the file is shorter than its room: what lies behind
// the end of a file is lost, although its last page takes it.
func (o *output) whole() error {
	info, err := o.f.Stat()
	if err == nil && info.Size() < max(o.end(), o.size) {
		err = errCutOff
	}
	return err
}

// trim gives up the room behind the end.
func (o *output) trim() error {
	o.unmap()
	return o.f.Truncate(o.size)
}

// close closes the file, which another one has replaced.
func (o *output) close() {
	o.unmap()
	_ = o.f.Close()
}

func (o *output) unmap() {
	unmap(o.piece)
	o.piece, o.begin, o.ready = nil, 0, 0
}

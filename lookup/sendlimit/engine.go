package sendlimit

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unique"
)

// Engine counts charges and judges them. It is safe for concurrent use.
type Engine struct {
	s         Settings
	key       [16]byte  // of the hashes of recipients
	self      part      // this process among those who count
	orders    sync.Pool // of *order
	table     *table
	instances *instances
	stats     stats

	journal *journal // nil: in memory only
	file    *tail    // to read from

	sentences  atomic.Pointer[sentences]
	sentenceMu sync.Mutex       // of those who change them
	unsaid     map[Subject]bool // sentences that the other nodes do not know; nil if nobody shares

	// gate is held for reading by whoever judges a charge. Who holds it for
	// writing knows that no judgement is under way.
	gate sync.RWMutex

	era      atomic.Uint32 // grows each time this node goes alone
	together meeting

	swept int // shards
}

// Open makes an Engine. Nothing of what is wrong with the file keeps it from
// counting: Settings.OnError says it. Run must run, and Close end it.
func Open(s Settings) *Engine {
	s = s.withDefaults()
	e := &Engine{s: s, table: newTable(s.MaxSubjects), instances: newInstances(s.MaxInstances)}
	e.sentences.Store(&sentences{})
	rand.Read(e.key[:]) // never fails
	e.self = newPart()
	e.openShare()
	e.openFile()
	return e
}

// newPart names a process: by its host, so that a copy of the file on another
// host is not taken for its own.
func newPart() part { return unique.Make(partPrefix() + rand.Text()[:12]) }

func partPrefix() string {
	name, err := os.Hostname()
	if err != nil {
		name = "host"
	}
	return name[:min(len(name), 64)] + "/"
}

// now gives the time in milliseconds since 1970, by the clock that all nodes go
// by.
func (e *Engine) now() int64 { return e.s.Now().UnixMilli() + e.together.offset.Load() }

// How often Run looks after things, and for the file if another process has it.
const (
	tickEvery = time.Second
	waitEvery = 50 * time.Millisecond
)

// Run looks after the file, and after the other nodes, until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	var sharing sync.WaitGroup
	sharing.Go(func() { e.meet(ctx) })
	defer sharing.Wait()
	t, wait := time.NewTicker(tickEvery), time.NewTicker(waitEvery)
	defer t.Stop()
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
			e.takeFile()
		case <-t.C:
			e.tick()
		}
	}
}

// tick does what is to be done now and then.
func (e *Engine) tick() {
	e.expire()
	e.table.sweep(e.swept, e.now())
	e.swept++
	if e.journal != nil {
		e.keepNews()
		e.lookAfterFile()
	}
}

// lookAfterFile brings the file to the disk, and rewrites it when it has grown
// or something is missing from it.
func (e *Engine) lookAfterFile() {
	e.journal.report(e.journal.sync())
	if e.journal.due() {
		e.rewrite()
	}
}

// report calls OnError.
func (e *Engine) report(err error) {
	if h := e.s.OnError; h != nil {
		h(err)
	}
}

// Close brings what was counted to the disk, and leaves the file to the next
// process. The Engine goes on in memory. Run is to have ended.
func (e *Engine) Close() error {
	if e.journal == nil {
		return nil
	}
	e.keepNews()
	if e.journal.due() {
		e.rewrite()
	}
	if err := e.journal.close(); err != nil {
		return &StorageError{e.s.Path, err}
	}
	return nil
}

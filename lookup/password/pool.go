package password

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

// ErrBusy says that too many passwords wait to be verified: try again.
var ErrBusy = errors.New("too many passwords wait to be verified")

// Pool bounds how many dear hashes are verified at once, and the memory that
// takes: first come, first served, so that one which needs much is not passed
// by for ever. The zero Pool works; its fields are not changed afterwards.
type Pool struct {
	Workers int   // processors used at once, a hash with lanes uses more; as many as there are
	Memory  int64 // bytes together; a hash that needs more waits until it is alone; 512 MiB
	Waiting int   // how many may wait; 1,000

	once    sync.Once
	workers *semaphore.Weighted
	memory  *semaphore.Weighted
	queue   chan struct{}
}

func (p *Pool) start() {
	if p.Workers <= 0 {
		p.Workers = runtime.GOMAXPROCS(0)
	}
	if p.Memory <= 0 {
		p.Memory = 512 << 20
	}
	if p.Waiting <= 0 {
		p.Waiting = 1000
	}
	p.workers, p.memory = semaphore.NewWeighted(int64(p.Workers)), semaphore.NewWeighted(p.Memory)
	p.queue = make(chan struct{}, p.Waiting+p.Workers)
}

// Verify is h.Verify when its turn has come. The error is ErrBusy, that of ctx while it
// waits, or h.Verify's: what was begun is not broken off.
func (p *Pool) Verify(ctx context.Context, h Hash, login, password string) (bool, error) {
	cost := h.Cost()
	if cost.Cheap {
		return h.Verify(login, password)
	}
	p.once.Do(p.start)
	select {
	case p.queue <- struct{}{}:
	default:
		return false, ErrBusy
	}
	defer func() { <-p.queue }()
	memory := min(cost.Memory, p.Memory)
	if err := p.memory.Acquire(ctx, memory); err != nil {
		return false, err
	}
	defer p.memory.Release(memory)
	lanes := int64(min(max(cost.Lanes, 1), p.Workers))
	if err := p.workers.Acquire(ctx, lanes); err != nil {
		return false, err
	}
	defer p.workers.Release(lanes)
	return h.Verify(login, password)
}

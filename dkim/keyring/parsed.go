package keyring

import (
	"container/list"
	"sync"

	"github.com/vmapd/vmapd/dkim"
)

// parsed keeps the keys that were used last ready for use: reading one takes
// longer than a signature leaves room for, and one that is ready takes five times the memory.
type parsed struct {
	mu    sync.Mutex
	room  int
	order list.List // of *ready, the one used last in front
	by    map[*material]*list.Element
}

type ready struct {
	from *material
	key  *dkim.Key
}

// get returns the key of a material, read by make if it is not ready.
func (p *parsed) get(m *material, read func() (*dkim.Key, error)) (*dkim.Key, error) {
	p.mu.Lock()
	if e := p.by[m]; e != nil {
		p.order.MoveToFront(e)
		p.mu.Unlock()
		return e.Value.(*ready).key, nil
	}
	p.mu.Unlock()
	key, err := read() // two may do the same work
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.by[m]; e != nil {
		return e.Value.(*ready).key, nil
	}
	if p.by == nil {
		p.by = map[*material]*list.Element{}
	}
	p.by[m] = p.order.PushFront(&ready{m, key})
	for p.order.Len() > p.room {
		last := p.order.Back()
		delete(p.by, last.Value.(*ready).from)
		p.order.Remove(last)
	}
	return key, nil
}

// drop forgets a key that is not used any more.
func (p *parsed) drop(m *material) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.by[m]; e != nil {
		delete(p.by, m)
		p.order.Remove(e)
	}
}

package password

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// held returns a hash that takes what it is told until release is closed.
func held(c Cost, began func(), release <-chan struct{}) Hash {
	return Hash{cost: c, scheme: &scheme{name: "HELD", verify: func(Hash, string, string) (bool, error) {
		began()
		<-release
		return true, nil
	}}}
}

// TestPoolBounds lets many verify at once, and counts.
func TestPoolBounds(t *testing.T) {
	for _, tc := range []struct {
		name string
		pool *Pool
		cost Cost
		want int // at once
	}{
		{"workers", &Pool{Workers: 3}, Cost{}, 3},
		{"memory", &Pool{Workers: 8, Memory: 100}, Cost{Memory: 40}, 2},
		{"more memory than there is", &Pool{Workers: 8, Memory: 100}, Cost{Memory: 1000}, 1},
		{"lanes", &Pool{Workers: 6}, Cost{Lanes: 2}, 3},
		{"more lanes than workers", &Pool{Workers: 2}, Cost{Lanes: 200}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now, most, right atomic.Int32
				var wg sync.WaitGroup
				for range 20 {
					release := make(chan struct{})
					h := held(tc.cost, func() {
						if n := now.Add(1); n > most.Load() {
							most.Store(n)
						}
						time.Sleep(time.Second)
						now.Add(-1)
						close(release)
					}, release)
					wg.Go(func() {
						if ok, err := tc.pool.Verify(t.Context(), h, "", ""); ok && err == nil {
							right.Add(1)
						}
					})
				}
				start := time.Now()
				wg.Wait()
				if right.Load() != 20 || int(most.Load()) != tc.want {
					t.Errorf("%d right, at most %d at once; want %d", right.Load(), most.Load(), tc.want)
				}
				if took, want := time.Since(start), time.Duration((20+tc.want-1)/tc.want)*time.Second; took != want {
					t.Errorf("took %v, want %v: places were left empty", took, want)
				}
			})
		})
	}
}

// TestPoolInTurn: first come, first served, also past one that needs much.
func TestPoolInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Workers: 4, Memory: 100}
		var mu sync.Mutex
		var order []string
		var wg sync.WaitGroup
		for i, memory := range []int64{60, 100, 10, 100, 20, 0} {
			name := fmt.Sprint(i, "/", memory)
			release := make(chan struct{})
			h := held(Cost{Memory: memory}, func() {
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Second)
				close(release)
			}, release)
			wg.Go(func() { _, _ = p.Verify(t.Context(), h, "", "") })
			synctest.Wait()
		}
		wg.Wait()
		// The last two begin together.
		slices.Sort(order[4:])
		if want := []string{"0/60", "1/100", "2/10", "3/100", "4/20", "5/0"}; !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
	})
}

func TestPoolBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{Workers: 1, Waiting: 2}
		release := make(chan struct{})
		h := held(Cost{}, func() {}, release)
		var wg sync.WaitGroup
		var errs [3]error
		for i := range errs { // one verifies, two wait
			wg.Go(func() { _, errs[i] = p.Verify(t.Context(), h, "", "") })
		}
		synctest.Wait()
		if ok, err := p.Verify(t.Context(), h, "", ""); ok || !errors.Is(err, ErrBusy) {
			t.Errorf("the fourth: %v, %v; want ErrBusy", ok, err)
		}
		cheap, err := Parse("{PLAIN}secret", "")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := p.Verify(t.Context(), cheap, "", "secret"); !ok || err != nil {
			t.Errorf("a cheap one must not wait: %v, %v", ok, err)
		}
		close(release)
		wg.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			t.Error(err)
		}
		if ok, err := p.Verify(t.Context(), h, "", ""); !ok || err != nil {
			t.Errorf("when all are done: %v, %v", ok, err)
		}
	})
}

// TestPoolContext: who waits goes away when its context ends, and leaves its
// place to others; an ended context gets nothing.
func TestPoolContext(t *testing.T) {
	for name, pool := range map[string]*Pool{"worker": {Workers: 1, Waiting: 1}, "memory": {Workers: 2, Memory: 10, Waiting: 1}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				h := held(Cost{Memory: 10}, func() {}, release)
				done := make(chan error, 1)
				go func() {
					_, err := pool.Verify(t.Context(), h, "", "")
					done <- err
				}()
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				for range 3 { // each leaves its place
					if ok, err := pool.Verify(ctx, h, "", ""); ok || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%v, %v; want the error of the context", ok, err)
					}
				}
				close(release)
				if err := <-done; err != nil {
					t.Error(err)
				}
				if ok, err := pool.Verify(t.Context(), h, "", ""); !ok || err != nil {
					t.Errorf("afterwards: %v, %v", ok, err)
				}
			})
		})
	}
}

// TestPoolPanic: a panic leaves no place taken.
func TestPoolPanic(t *testing.T) {
	p := &Pool{Workers: 1, Memory: 10, Waiting: 1}
	bad := Hash{cost: Cost{Memory: 10}, scheme: &scheme{name: "BAD", verify: func(Hash, string, string) (bool, error) { panic("secret") }}}
	for range 5 {
		if ok, err := p.Verify(t.Context(), bad, "", ""); ok || err == nil {
			t.Fatalf("%v, %v", ok, err)
		}
	}
	release := make(chan struct{})
	close(release)
	if ok, err := p.Verify(t.Context(), held(Cost{Memory: 10}, func() {}, release), "", ""); !ok || err != nil {
		t.Errorf("afterwards: %v, %v", ok, err)
	}
}

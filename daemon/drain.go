package daemon

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// DrainTimeout is how long connections may take to finish their requests when
// the daemon ends or a listener goes away.
const DrainTimeout = 10 * time.Second

// task is a goroutine with an owner.
type task struct {
	stop context.CancelFunc
	done chan struct{}
}

func newTask(ctx context.Context, run func(context.Context)) *task {
	ctx, cancel := context.WithCancel(ctx)
	t := &task{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(t.done)
		run(ctx)
	}()
	return t
}

// end stops the task and waits until it has ended.
func (t *task) end() {
	t.stop()
	<-t.done
}

// closeAll undoes open when it failed.
func (d *Daemon) closeAll() {
	for _, p := range d.allPorts() {
		p.stop()
		p.socket.Close()
		p.drain(d.hurry)
	}
	d.inherited.close()
	if d.predecessor != nil {
		d.predecessor.line.Close()
	}
}

// allPorts gives the ports and the control socket.
func (d *Daemon) allPorts() []*port {
	if d.control == nil {
		return d.ports
	}
	return append(slices.Clip(d.ports), d.control)
}

// drain ends all ports: first no new connections anywhere, then the requests
// at hand, at most for DrainTimeout. The next signal ends it at once.
func (d *Daemon) drain(signals <-chan os.Signal) {
	ctx, cancel := context.WithTimeout(context.Background(), DrainTimeout)
	defer cancel()
	context.AfterFunc(ctx, d.urge)
	d.mu.Lock()
	ports := d.allPorts()
	d.mu.Unlock()
	var wg, logins sync.WaitGroup
	for _, p := range ports {
		p.stop()
		p.socket.Close()
		end := wg.Go
		if p.waits() {
			end = logins.Go
		}
		end(func() { p.drain(ctx) })
	}
	wg.Go(func() {
		logins.Wait()
		d.bequeathLogins()
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
		d.handover.legacy.end()
		d.retired.Wait()
	}()
	for {
		select {
		case <-done:
			return
		case s := <-signals:
			if s == syscall.SIGUSR2 {
				continue
			}
			d.passOn(s)
			if s != syscall.SIGHUP {
				d.log.Warn("second signal: not waiting any longer")
				return
			}
		}
	}
}

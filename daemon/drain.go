package daemon

import (
	"context"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
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
		_ = p.socket.Close()
		p.drain(d.hurry)
	}
	d.inherited.close()
	if d.predecessor != nil {
		_ = d.predecessor.line.Close()
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
//
// Without a process that serves meanwhile, sessions of milters end before all
// else does: the SMTP session that one belongs to may need a lookup to get on.
func (d *Daemon) drain(signals <-chan os.Signal) {
	d.mu.Lock()
	ports := d.allPorts()
	d.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if d.handover.heir == nil {
			var patient, others []*port
			for _, p := range ports {
				if s, ok := p.service.(*lines); ok && s.patient {
					patient = append(patient, p)
				} else {
					others = append(others, p)
				}
			}
			d.drainPorts(patient)
			ports = others
		}
		d.drainPorts(ports)
		if err := d.handover.legacy.end(); err != nil {
			d.log.Warn("connections could not be left to systemd: they are closed", zap.Error(err))
		}
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

// drainPorts ends some ports, and leaves logins that are under way, and what was
// counted, once nobody asks on auth and policy sockets any more.
func (d *Daemon) drainPorts(ports []*port) {
	ctx, cancel := context.WithTimeout(context.Background(), DrainTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, d.urge)()
	var wg, logins sync.WaitGroup
	asked := false
	for _, p := range ports {
		p.stop()
		_ = p.socket.Close()
		end := wg.Go
		if p.waits() {
			end, asked = logins.Go, true
		}
		end(func() { p.drain(ctx) })
	}
	if asked {
		logins.Wait()
		d.sending.close()
		d.bequeathLogins()
	}
	wg.Wait()
}

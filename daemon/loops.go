package daemon

import (
	"errors"
	"runtime"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/internal/evloop"
)

// maxLoops is how many event loops are of use: one answers more than a hundred
// thousand requests a second.
const maxLoops = 4

// openLoops starts the event loops on which line protocols are served. Without
// them everything works, and costs more.
func (d *Daemon) openLoops() {
	loops, err := evloop.New(min(runtime.GOMAXPROCS(0), maxLoops))
	if err != nil {
		if !errors.Is(err, errors.ErrUnsupported) {
			d.log.Warn("there are no event loops: requests cost more processor time", zap.Error(err))
		}
		return
	}
	d.loops = loops
}

// prompt reports whether there are data, so that lookups do not wait for them.
func (d *Daemon) prompt() bool { return d.resolver.Servable() != nil }

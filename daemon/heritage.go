package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"time"

	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/auth"
)

// A login has two steps: a login process hears on the auth socket that the
// password is right, then a mail process asks on the auth-master socket for the
// user. A hand-over may come in between. So the old process, once nobody asks it
// on auth sockets any more, sends what is left to be asked for down the line
// between the two; the new one serves auth-master sockets at once, lets whoever
// asks for an unknown login wait for that, and serves auth sockets afterwards:
// whom it lets in nobody can ask the old one about.

// heritageLimit is how long the old process may take for it.
const heritageLimit = DrainTimeout + 5*time.Second

// bequeathLogins sends the logins that nobody has asked for to the successor.
func (d *Daemon) bequeathLogins() {
	line := d.handover.line
	if line == nil {
		return
	}
	defer line.Close()
	left := d.logins.auth.Leave()
	if len(left) == 0 {
		return
	}
	line.SetDeadline(time.Now().Add(heritageLimit)) //nolint:errcheck // writing says it
	if err := json.NewEncoder(line).Encode(left); err != nil {
		d.log.Warn("cannot hand over logins that are under way; they fail once", zap.Int("logins", len(left)), zap.Error(err))
	}
}

// adoptLogins takes them, and serves auth sockets from then on. The line ends
// when the predecessor has said everything, or has ended.
func (d *Daemon) adoptLogins(ctx context.Context, line net.Conn) {
	line.SetDeadline(time.Now().Add(heritageLimit))                                           //nolint:errcheck // reading says it
	defer context.AfterFunc(ctx, func() { line.SetReadDeadline(time.Now().Add(patience)) })() //nolint:errcheck // the same
	var left []auth.KeptLogin
	if err := json.NewDecoder(line).Decode(&left); err != nil && err != io.EOF {
		d.log.Warn("cannot take over logins that are under way; they fail once", zap.Error(err))
	}
	d.logins.auth.Adopt(left)
	close(d.predecessor.heritage)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.ports {
		if p.waits() && p.done == nil {
			d.beginPort(p)
		}
	}
}

// waits reports whether a port is not served before the logins are adopted.
func (p *port) waits() bool { return p.cfg.Protocol == "auth" }

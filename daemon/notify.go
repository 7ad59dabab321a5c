package daemon

import (
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// notify tells systemd something (sd_notify(3)); without systemd it does
// nothing, nor while another process is the main one.
func (d *Daemon) notify(state string) {
	if d.quiet.Load() {
		return
	}
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Debug("sd_notify failed", zap.Error(err))
	}
}

// notifyReloading begins a reload: systemd waits for the READY that follows,
// and wants the time (Type=notify-reload).
func (d *Daemon) notifyReloading() {
	d.notify(sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec())
}

func (d *Daemon) notifyReady(status string) { d.notify(sd.SdNotifyReady + "\nSTATUS=" + status) }

// watchdog gives the ticks at which systemd wants to hear of us, nil if it
// does not. They are answered by the loop that also handles signals.
func (d *Daemon) watchdog() (ticks <-chan time.Time, stop func()) {
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil || interval <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval / 2)
	return t.C, t.Stop
}

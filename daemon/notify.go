package daemon

import (
	"net"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// notifyPatience is how long a word for systemd may wait for room. A socket
// that nobody reads holds a few, and then whoever writes waits: signals would
// not be heard any more.
const notifyPatience = time.Second

// notify tells systemd something (sd_notify(3)); without systemd it does
// nothing, nor while another process is the main one.
func (d *Daemon) notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" || d.quiet.Load() {
		return
	}
	if err := sendNotification(path, state); err != nil {
		d.log.Debug("sd_notify failed", zap.Error(err))
	}
}

// sendNotification is sd.SdNotify, but does not wait for ever.
func sendNotification(path, state string) error {
	nc, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer func() { _ = nc.Close() }()
	if err := nc.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
		return err
	}
	_, err = nc.Write([]byte(state))
	return err
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

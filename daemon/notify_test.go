package daemon

import (
	"net"
	"path/filepath"
	"testing"
)

// TestNotifyDoesNotHang: nobody reads what systemd would be told.
func TestNotifyDoesNotHang(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	inbox, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer inbox.Close()
	for range 100_000 {
		if err := sendNotification(path, "WATCHDOG=1"); err != nil {
			if !isTimeout(err) {
				t.Error(err)
			}
			return
		}
	}
	t.Error("the socket never filled up")
}

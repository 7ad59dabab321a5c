package dbtest

import (
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// keeper is a shell that outlives this process by a moment and clears up:
// stops the server and removes its directory when the pipe ends.
type keeper struct {
	cmd  *exec.Cmd
	pipe io.WriteCloser
}

// newKeeper makes a keeper of the directory and, unless pid is 0, the server.
func newKeeper(pid int, sig syscall.Signal, dir string) (*keeper, error) {
	const script = `read -r word; [ "$word" = released ] && exit 0
if [ "$1" != 0 ]; then
	kill -"$2" "$1"; for i in 1 2 3 4 5 6 7 8 9; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
	kill -9 "$1" 2>/dev/null; sleep 0.2
fi
rm -rf -- "$3"`
	cmd := exec.Command("/bin/sh", "-c", script, "dbtest-keeper", strconv.Itoa(pid), strconv.Itoa(int(sig)), dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &keeper{cmd, pipe}, cmd.Start()
}

// release ends the keeper without its doing anything.
func (k *keeper) release() {
	_, _ = io.WriteString(k.pipe, "released\n")
	_ = k.pipe.Close()
	_ = k.cmd.Wait()
}

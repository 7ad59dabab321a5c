package sendlimit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The test binary runs again as a child when this is in the environment: the
// path of a file; and what it does with that.
const (
	childPath = "SENDLIMIT_TEST_PATH"
	childDoes = "SENDLIMIT_TEST_DOES"

	doesWrite = "write" // it does not map the file
	doesGrow  = "grow"  // it does not rewrite the file
)

const childAccounts = 4

func childAccount(i int) Subject { return Subject{Account, fmt.Sprintf("u%d@example.com", i)} }

// child charges messages as fast as it can, until it is killed, and says of each
// that was counted whose it was. Meanwhile it rewrites the file.
func child() int {
	e := Open(Settings{Path: os.Getenv(childPath)})
	does := os.Getenv(childDoes)
	if does == doesWrite {
		e.write()
	}
	for i := range childAccounts {
		go func() {
			limits := []Limit{{Recipients, 1 << 40, MaxWindow}}
			for {
				v := e.Take(context.Background(), message(1, Limited{childAccount(i), limits}, Limited{domain, limits}))
				if !v.OK {
					panic("refused")
				}
				fmt.Println(i) // one write(2), so whole lines
			}
		}()
	}
	for does != doesGrow {
		e.rewrite()
	}
	select {}
}

// TestKill kills a process that counts, several times. All that it said was
// counted is: of each account at most one message more, whose answer was not
// seen.
func TestKill(t *testing.T) {
	for does, messages := range map[string]int{"": 200, doesWrite: 200, doesGrow: 5000} {
		t.Run(does, func(t *testing.T) { testKill(t, does, messages) })
	}
}

func testKill(t *testing.T, does string, messages int) {
	t.Setenv(childDoes, does)
	path := filepath.Join(t.TempDir(), "limits")
	var counted [childAccounts]int64
	total := int64(0)
	for round := range 4 {
		killUnderLoad(t, path, messages+130*round, &counted)
		e := Open(Settings{Path: path, OnError: func(err error) { t.Error(err) }})
		total = 0
		for i := range counted {
			got := used(e, childAccount(i), Recipients, MaxWindow)
			if got < counted[i] || got > counted[i]+1 {
				t.Errorf("round %d: %d has used %d, counted were %d", round, i, got, counted[i])
			}
			counted[i] = got // the next round begins there
			total += got
		}
		if got := used(e, domain, Recipients, MaxWindow); got != total {
			t.Errorf("round %d: the domain has used %d, its accounts %d", round, got, total)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killUnderLoad kills a child when it has counted so many messages.
func killUnderLoad(t *testing.T, path string, messages int, counted *[childAccounts]int64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := cmd.StdoutPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	for n := 0; ; n++ {
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		var i int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "%d", &i); err != nil {
			t.Fatal(err)
		}
		counted[i]++
		if n == messages {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
}

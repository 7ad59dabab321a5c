package linetest

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// Listen serves on a loopback port until the test ends and returns its address.
func Listen(t *testing.T, serve ServeFunc) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer nc.Close()
				if err := serve(context.Background(), nc); err != nil {
					t.Errorf("ServeConn: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		conns.Wait()
	})
	return ln.Addr().String()
}

// Postmap returns a function that runs the real "postmap -q KEY TABLE" and
// returns its exit status, what it printed, and what it logged.
func Postmap(t *testing.T) func(t *testing.T, table, key string) (status int, out, log string) {
	t.Helper()
	path := peers.Program(t, "postmap", "postfix")
	config := t.TempDir()
	if err := os.WriteFile(config+"/main.cf", []byte("compatibility_level = 3.6\nsmtputf8_enable = yes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config+"/master.cf", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, table, key string) (int, string, string) {
		t.Helper()
		var out, log strings.Builder
		cmd := exec.Command(path, "-c", config, "-q", key, table)
		cmd.Stdout, cmd.Stderr = &out, &log
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String(), log.String()
	}
}

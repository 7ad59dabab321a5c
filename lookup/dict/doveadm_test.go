package dict

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// doveadm returns a function that runs the real "doveadm dict" of Dovecot 2.3
// with an instance of its own.
func doveadm(t *testing.T) func(t *testing.T, args ...string) (status int, out, log string) {
	t.Helper()
	path := peers.Dovecot23(t, "doveadm") // later ones take no proxy: URI
	dir := t.TempDir()
	config := filepath.Join(dir, "dovecot.conf")
	lines := fmt.Sprintf("base_dir = %s/run\nstate_dir = %s/state\ninstance_name = vmapdtest\nlog_path = /dev/stderr\nssl = no\nprotocols =\nstats_writer_socket_path =\n", dir, dir)
	if err := os.WriteFile(config, []byte(lines), 0o644); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T, args ...string) (int, string, string) {
		t.Helper()
		var out, log strings.Builder
		cmd := exec.Command(path, append([]string{"-c", config, "dict"}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &log
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String(), log.String()
	}
}

// TestDoveadm has Dovecot's own client work on one memory.
func TestDoveadm(t *testing.T) {
	run := doveadm(t)
	m := newMemory()
	s := &Server{Open: func(c *Client) (Dict, error) {
		if c.Name != "test" || c.User != "" || c.Major != 3 || !c.PeerKnown || c.Peer.UID != uint32(os.Getuid()) {
			return nil, fmt.Errorf("not for %+v", c)
		}
		return m, nil
	}}
	dial, _ := listen(t, s)
	probe := dial()
	uri := "proxy:" + probe.RemoteAddr().(*net.UnixAddr).Name + ":test"
	const notFound = 68 // DOVEADM_EX_NOTFOUND
	const odd = "tab\there\nnewline\rcr\x01soh"
	for _, tc := range []struct {
		name   string
		args   string // %s is the URI
		extra  []string
		status int
		out    string
		log    string
	}{
		{"get", "get -u ann@d1.test %s priv/quota/storage", nil, 0, "1000\n", ""},
		{"get none", "get -u ann@d1.test %s priv/none", nil, notFound, "", "priv/none doesn't exist"},
		{"get odd bytes", "get %s shared/bytes", nil, 0, odd + "\n", ""},
		{"get empty", "get %s shared/empty", nil, 0, "\n", ""},
		{"get unsure", "get %s shared/unsure", nil, 75, "", "dict-server returned failure: snapshot is not loaded? yes"},
		{"get NUL", "get %s shared/nul", nil, 75, "", "dict-server returned failure: the value contains a NUL byte"},
		{"set", "set -u ann@d1.test %s priv/new", []string{"value"}, 0, "", ""},
		{"get it", "get -u ann@d1.test %s priv/new", nil, 0, "value\n", ""},
		{"get another user's", "get -u ben@d1.test %s priv/new", nil, notFound, "", "priv/new doesn't exist"},
		{"set odd bytes", "set -u ann@d1.test %s priv/new", []string{odd}, 0, "", ""},
		{"get them", "get -u ann@d1.test %s priv/new", nil, 0, odd + "\n", ""},
		{"set an odd key", "set %s", []string{"shared/k/" + odd, odd}, 0, "", ""},
		{"iterate over it", "iter %s", []string{"shared/k/"}, 0, "shared/k/" + odd + "\t" + odd + "\n", ""},
		{"inc", "inc -u ann@d1.test %s priv/quota/storage 234", nil, 0, "", ""},
		{"get the sum", "get -u ann@d1.test %s priv/quota/storage", nil, 0, "1234\n", ""},
		{"inc none", "inc -u ben@d1.test %s priv/quota/storage 1", nil, notFound, "", "priv/quota/storage doesn't exist"},
		{"set fails", "set %s shared/fails x", nil, 75, "", "server returned failure: disk is full"},
		{"set uncertain", "set %s shared/uncertain x", nil, 75, "", "disk went away"},
		{"iterate", "iter %s shared/userdb/", nil, 0, "shared/userdb/ann@d1.test\t{\"uid\": 5000}\nshared/userdb/ben@d1.test\t{\"uid\": 5001}\n", ""},
		{"iterate deeper, no values", "iter -R -V %s shared/userdb/", nil, 0, "shared/userdb/ann@d1.test\nshared/userdb/ben@d1.test\nshared/userdb/sub/cyn@d1.test\n", ""},
		{"iterate exact", "iter -1 -u ann@d1.test %s priv/quota/storage", nil, 0, "priv/quota/storage\t1234\n", ""},
		{"iterate over nothing", "iter %s shared/none/", nil, 0, "", ""},
		{"iterate unsure", "iter %s shared/unsure/", nil, 75, "", "dict-server returned failure: snapshot is not loaded"},
		{"iterate astray", "iter %s shared/stray/", nil, 75, "", "outside the path that was asked for"},
		{"unset", "unset -u ann@d1.test %s priv/new", nil, 0, "", ""},
		{"get it no more", "get -u ann@d1.test %s priv/new", nil, notFound, "", "priv/new doesn't exist"},
		{"another name", "get %sx shared/bytes", nil, 75, "", "dict-server returned failure: not for"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append(strings.Fields(fmt.Sprintf(tc.args, uri)), tc.extra...)
			status, out, log := run(t, args...)
			if tc.args[:3] == "get" && status == 0 {
				out = strings.TrimRight(out, " \n") + "\n" // a table of one column
			}
			out = strings.TrimPrefix(strings.TrimPrefix(out, "key\tvalue\n"), "key\n")
			if status != tc.status || out != tc.out || !strings.Contains(log, tc.log) || tc.log == "" && log != "" {
				t.Errorf("status %d, printed %q, logged %q; want %d, %q, %q", status, out, log, tc.status, tc.out, tc.log)
			}
		})
	}
}

package doctor

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/internal/peers"
)

// visit runs checks of the host.
func visit(t *testing.T, h *Host, only ...string) []Finding {
	t.Helper()
	return examine(t, Input{Host: h, Only: only})
}

// listen opens a socket with a mode in a folder.
func listen(t *testing.T, dir, name string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// shortDir is a folder that everybody may enter, with room for the name of a
// socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "doctor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSocketMissing(t *testing.T) {
	dir := shortDir(t)
	good, dead, plain := listen(t, dir, "good", 0o600), filepath.Join(dir, "dead"), filepath.Join(dir, "plain")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "gone")
	var sockets []Socket
	for _, path := range []string{good, dead, gone, plain} {
		sockets = append(sockets, Socket{Protocol: "socketmap", Path: path})
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	idle, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	idle.Close()
	for _, l := range []net.Listener{busy, idle} {
		sockets = append(sockets, Socket{Protocol: "tcp_table", TCP: l.Addr().String()})
	}
	finds(t, visit(t, &Host{Sockets: sockets}, "sockets"), "socket-missing error: "+dead, "socket-missing error: "+gone, "socket-missing error: "+plain, "socket-missing error: "+idle.Addr().String())
}

// TestSocketAccess goes through mode, owner and group of a socket, and of the
// folder above it.
func TestSocketAccess(t *testing.T) {
	peers.Root(t)
	const uid, gid, other = 4242, 4343, 4444
	stranger := Client{Name: "stranger", UID: other, GIDs: []int{other}}
	owner, member, root := Client{Name: "owner", UID: uid}, Client{Name: "member", UID: other, GIDs: []int{1, gid}}, Client{Name: "root"}
	for _, tc := range []struct {
		socket, folder os.FileMode
		client         Client
		good           bool
	}{
		{0o600, 0o755, owner, true},
		{0o060, 0o755, owner, false}, // the owner's bits count, though the group has more
		{0o660, 0o755, member, true},
		{0o600, 0o755, member, false},
		{0o640, 0o755, member, false}, // to connect is to write
		{0o660, 0o755, stranger, false},
		{0o666, 0o755, stranger, true},
		{0o666, 0o750, stranger, false},
		{0o666, 0o750, member, true},
		{0o666, 0o711, stranger, true},
		{0o666, 0o744, stranger, false},
		{0o000, 0o000, root, true},
	} {
		dir := shortDir(t)
		path := listen(t, dir, "s", tc.socket)
		for _, p := range []string{dir, path} {
			if err := os.Chown(p, uid, gid); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, tc.folder); err != nil {
			t.Fatal(err)
		}
		list := visit(t, &Host{Sockets: []Socket{{Protocol: "dict", Path: path, Clients: []Client{tc.client}}}}, "socket-access")
		if (len(list) == 0) != tc.good {
			t.Errorf("socket %o in folder %o, %s: %v", tc.socket, tc.folder, tc.client.Name, list)
		}
	}
}

func TestFiles(t *testing.T) {
	peers.Root(t)
	const runner = 4242
	state := shortDir(t)
	file := func(name string, mode os.FileMode, uid int) string {
		t.Helper()
		path := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Chown(state, runner, runner); err != nil {
		t.Fatal(err)
	}
	file("snapshot", 0o600, runner)
	file("dkim/good.pem", 0o640, runner)
	file("dkim/README", 0o644, 0)
	files := &Files{StateDir: state, KeyDir: filepath.Join(state, "dkim"), UID: runner}
	finds(t, visit(t, &Host{Files: files}, "files"))

	foreign, readable := file("vmapd.db", 0o600, 0), file("spool.db", 0o644, runner)
	known, closed := file("dkim/known.pem", 0o644, runner), file("dkim/a/closed.pem", 0o600, 0)
	finds(t, visit(t, &Host{Files: files}, "files"), "state-dir error: "+readable, "state-dir error: "+foreign, "key-files error: "+closed, "key-files error: "+known)

	// Where nobody else may enter, modes below do not matter, but for keys: they
	// are not used.
	if err := os.Chmod(state, 0o750); err != nil {
		t.Fatal(err)
	}
	finds(t, visit(t, &Host{Files: files}, "files"), "state-dir error: "+foreign, "key-files error: "+closed, "key-files error: "+known)
	if err := os.Chmod(state, 0o777); err != nil {
		t.Fatal(err)
	}
	finds(t, visit(t, &Host{Files: files}, "state-dir"), "state-dir error: "+state, "state-dir error: "+readable, "state-dir error: "+foreign)
	finds(t, visit(t, &Host{Files: &Files{StateDir: "/nowhere/state", KeyDir: "/nowhere/keys", UID: -1}}, "files"), "state-dir error: /nowhere/state")
	finds(t, visit(t, &Host{Warnings: []string{"database.url: has a password"}}, "files"), "config-warning warning: database.url")
}

// TestAccount finds the groups of a user of the system.
func TestAccount(t *testing.T) {
	root, ok := Account("root")
	if !ok || root.UID != 0 || len(root.GIDs) == 0 {
		t.Errorf("root is %+v, %v", root, ok)
	}
	if _, ok := Account("no such user"); ok {
		t.Error("there is a user whom there cannot be")
	}
	if st, err := os.Stat("/"); err != nil || describe(st) == "" {
		t.Errorf("/ is not described: %v", err)
	} else if sys, ok := st.Sys().(*syscall.Stat_t); !ok || userName(int(sys.Uid)) != "root" || userName(4242424) != "4242424" || groupName(4242424) != "4242424" {
		t.Error("users and groups are not named")
	}
}

func TestDaemonChecks(t *testing.T) {
	good := func() *Daemon {
		return &Daemon{Config: "/etc/vmapd/vmapd.toml", WantConfig: "/etc/vmapd/vmapd.toml", Version: "v1", WantVersion: "v1", DatabaseUp: true, Following: true, Age: time.Second}
	}
	for _, tc := range []struct {
		name  string
		spoil func(*Host)
		want  []string
	}{
		{"well", func(*Host) {}, nil},
		{"no daemon", func(h *Host) { *h.Daemon = Daemon{Error: "no daemon answers"} }, []string{"daemon-down error: vmapd"}},
		{"a daemon of others", func(h *Host) { *h.Daemon = Daemon{Error: "no permission", Hidden: true} }, []string{"daemon-down info: vmapd"}},
		{"not ready", func(h *Host) { h.Daemon.NotReady = "the database has not been read yet" }, []string{"daemon-down error: vmapd"}},
		{"database", func(h *Host) { h.Daemon.DatabaseUp, h.Daemon.DatabaseError = false, "refused" }, []string{"database-down error: database"}},
		{"database, for us alone", func(h *Host) { h.Away = errors.New("refused") }, []string{"database-down error: database"}},
		{"old data", func(h *Host) { h.Daemon.Age = time.Hour }, []string{"data-age warning: data"}},
		{"stale data", func(h *Host) { h.Daemon.Stale = true }, []string{"data-age error: data"}},
		{"no capture", func(h *Host) { h.Daemon.Following = false }, []string{"changes-followed info: change capture"}},
		{"capture fails", func(h *Host) { h.Daemon.Following, h.Daemon.FollowError = false, "a trigger is gone" }, []string{"changes-followed warning: change capture"}},
		{"missed", func(h *Host) { h.Daemon.Missed = 3 }, []string{"changes-followed warning: audit"}},
		{"spool", func(h *Host) {
			h.Daemon.SpoolError, h.Daemon.SpoolPending, h.Daemon.SpoolDead, h.Daemon.SpoolDamaged = "read-only", 5, 1, "/var/lib/vmapd/spool.damaged"
		}, []string{"spool error: /var/lib/vmapd/spool.damaged", "spool warning: refused writes", "spool warning: writing"}},
		{"another program", func(h *Host) { h.Daemon.Version, h.Daemon.Config = "v0", "" }, []string{"daemon-config info: configuration", "daemon-config info: version"}},
		{"operations", func(h *Host) {
			h.Daemon.Operations = &Operations{Pending: 3, Oldest: 2 * time.Hour, Error: "no permission", Failed: []FailedOperation{{"/srv/vmail/a/b", "both hold mail", "decide"}}}
		}, []string{"mailbox-operations error: /srv/vmail/a/b", "mailbox-operations error: mailbox operations", "mailbox-operations warning: mailbox operations"}},
		{"operations, young", func(h *Host) { h.Daemon.Operations = &Operations{Pending: 3, Oldest: time.Minute} }, nil},
		{"DNS", func(h *Host) { h.Daemon.KeysWrong = []KeyWrong{{"a._domainkey.example.test", "there is none"}} }, []string{"dkim-dns error: a._domainkey.example.test"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := &Host{Daemon: good()}
			tc.spoil(h)
			finds(t, visit(t, h), tc.want...)
		})
	}
}

func TestMailRoot(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	me := os.Getuid()
	for _, tc := range []struct {
		path   string
		uid    int
		daemon bool
		want   []string
	}{
		{dir, me, true, nil},
		{dir, me + 1, true, []string{"mail-root error: " + dir}},
		{dir, me + 1, false, nil},
		{dir, -1, true, nil},
		{open, me, true, []string{"mail-root error: " + open}},
		{dir + "/none", me, false, []string{"mail-root error: " + dir + "/none"}},
	} {
		h := &Host{Files: &Files{StateDir: dir, KeyDir: dir, UID: tc.uid, Mail: &MailRoot{Path: tc.path, Daemon: tc.daemon}}}
		finds(t, visit(t, h, "mail-root"), tc.want...)
	}
}

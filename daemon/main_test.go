package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/vmapd/vmapd/lookup/socketmap"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/modoboa"
)

// TestMain lets the test binary stand for the daemon in tests that need a
// process of its own, and looks for goroutines that outlived their tests.
func TestMain(m *testing.M) {
	if path := os.Getenv("VMAPD_TEST_RUN"); path != "" {
		os.Exit(runProcess(path))
	}
	goleak.VerifyTestMain(m)
}

// runProcess is "vmapd serve -c path".
func runProcess(path string) int {
	KeepSignals()
	cfg, err := Load(path, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	d, err := New(cfg, path, nil, NewLogger(cfg.Log, os.Stderr))
	if err == nil {
		if limit, err := time.ParseDuration(os.Getenv("VMAPD_TEST_LIMIT")); err == nil {
			d.handover.limit = limit
		}
		err = d.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	return 0
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count gives the number of lines with text in them.
func (l *logBuffer) count(text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func testLogger(w io.Writer) *Logger { return NewLogger(Log{Level: "debug", Format: "json"}, w) }

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if cond() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("did not happen in a minute: %s", what)
		}
	}
}

// rig is a daemon at work in a folder of its own.
type rig struct {
	*Daemon
	dir, config string
	log         *logBuffer
	cancel      context.CancelFunc
	done        chan error
}

const testCSV = `domain;example.com;1000;100;yes
account;user@example.com;{PLAIN}secret;Ann;User;true;SimpleUsers;user@example.com;10
alias;info@example.com;true;user@example.com
`

// initDatabase makes an embedded database with a few accounts.
func initDatabase(t testing.TB, path string) {
	t.Helper()
	made := path + ".new" // a daemon that waits for it must not see half of it
	d, err := db.Open("sqlite:"+made, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	importCSV(t, made, testCSV)
	if err := os.Rename(made, path); err != nil {
		t.Fatal(err)
	}
}

// change executes a statement in an embedded database.
func change(t testing.TB, path, statement string) {
	t.Helper()
	d, err := db.Open("sqlite:"+path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func importCSV(t testing.TB, path, csv string) {
	t.Helper()
	d, err := db.Open("sqlite:"+path, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(csv), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
}

// shortDir is t.TempDir with a name that leaves room in sun_path.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vmapd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// newRig makes a daemon with a socketmap and an http listener. %DIR% in extra
// stands for its folder.
func newRig(t testing.TB, extra string) *rig {
	t.Helper()
	r := &rig{dir: shortDir(t), log: &logBuffer{}}
	r.config = filepath.Join(r.dir, "vmapd.toml")
	r.write(t, extra)
	cfg, err := Load(r.config, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Daemon, err = New(cfg, r.config, nil, testLogger(r.log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Daemon.database.Close() }) // Run does; not every test runs it
	return r
}

// basics are the listeners of most tests.
const basics = `
[[listen]]
protocol = "socketmap"
address = "unix:%DIR%/socketmap"
[[listen]]
protocol = "http"
address = "unix:%DIR%/http"
`

func (r *rig) write(t testing.TB, extra string) {
	t.Helper()
	text := strings.ReplaceAll("state_dir = \"%DIR%\"\n"+extra, "%DIR%", r.dir)
	if err := os.WriteFile(r.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) database() string        { return filepath.Join(r.dir, "vmapd.db") }
func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// start runs the daemon until the test ends, and checks that it ends well.
func (r *rig) start(t testing.TB) *rig {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.Run(ctx) }()
	t.Cleanup(func() { r.stop(t) })
	eventually(t, "the control socket answers", func() bool {
		_, err := r.Daemon.client().Status(t.Context())
		return err == nil
	})
	return r
}

func (r *rig) stop(t testing.TB) {
	t.Helper()
	r.cancel()
	if r.done == nil {
		return
	}
	select {
	case err := <-r.done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("Run did not return")
	}
	r.done = nil
	if t.Failed() {
		t.Log(r.log.String())
	}
}

func (r *rig) loaded(t testing.TB) *rig {
	t.Helper()
	eventually(t, "the database is read", func() bool { return r.store.Current() != nil })
	return r
}

func (d *Daemon) client() Control { return Control{Path: ControlPath(d.cfg.StateDir)} }

// ask opens a connection and asks one question.
func ask(t testing.TB, network, address, table, key string) (string, bool, error) {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		return "", false, err
	}
	defer c.Close()
	return socketmap.NewClient(c).Lookup(t.Context(), table, key)
}

// send sends a request on a unix socket and waits until the other side has read
// it, and then a moment for it to begin with that: the kernel does not tell more.
func send(t testing.TB, c net.Conn, request string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request is read", func() bool {
		var unread int32
		var errno syscall.Errno
		err := raw.Control(func(fd uintptr) {
			_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&unread)))
		})
		if err != nil || errno != 0 {
			t.Fatal(err, errno)
		}
		return unread == 0
	})
	time.Sleep(50 * time.Millisecond)
}

// discard is a logger for tests that do not look at it.
var discard = &Logger{Logger: zap.NewNop(), Level: zap.NewAtomicLevel()}

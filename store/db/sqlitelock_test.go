package db_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestSecondConnectionKeepsLocks: opening a second connection must not drop
// the locks of the first, which tell other processes that the file and its
// write-ahead log are in use.
func TestSecondConnectionKeepsLocks(t *testing.T) {
	url := dbtest.SQLite(t)
	d := dbtest.Open(t, url, db.Options{})
	dbtest.Exec(t, d, "create table a (n integer)")
	first, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	path := strings.TrimPrefix(url, "sqlite:")
	if n := locks(t, path); n == 0 {
		t.Fatal("the first connection holds no lock")
	}
	second, err := d.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n := locks(t, path); n == 0 {
		t.Error("the second connection took the locks of the first away")
	}
}

// locks counts the locks that this process holds on a file, see proc_locks(5).
func locks(t *testing.T, path string) (n int) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		if s := strings.Fields(in.Text()); len(s) > 5 && s[4] == fmt.Sprint(os.Getpid()) && strings.HasSuffix(s[5], fmt.Sprintf(":%d", st.Ino)) {
			n++
		}
	}
	return n
}

package db_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vmapd/vmapd/store/db"
)

// TestReplacedFile has a pool go on with the file that is at the path, not with
// the one that it was opened with, and make none where there is none.
func TestReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	make := func() {
		t.Helper()
		d, err := db.Open("sqlite:"+path, db.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.ExecContext(t.Context(), "create table t (n integer)"); err != nil {
			t.Fatal(err)
		}
	}
	make()
	d, err := db.Open("sqlite:"+path, db.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	insert := func() error {
		_, err := d.ExecContext(t.Context(), "insert into t values (1)")
		return err
	}
	count := func(want int) {
		t.Helper()
		var n int
		if err := d.QueryRowContext(t.Context(), "select count(*) from t").Scan(&n); err != nil || n != want {
			t.Errorf("%d rows, %v; want %d", n, err, want)
		}
	}
	if err := insert(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := insert(); err == nil {
		t.Error("something was written although the file is away")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	make()
	count(0)
	if err := insert(); err != nil {
		t.Fatal(err)
	}
	count(1)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	count(1)
}

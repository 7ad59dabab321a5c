package parameters_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
	. "github.com/vmapd/vmapd/store/modoboa/parameters"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }

func initialized(t *testing.T, url string) *db.DB {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestBook(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, url string) {
		d := initialized(t, url)
		file := filepath.Join(t.TempDir(), "parameters.json")
		b, err := OpenBook(file, d.Name, nil)
		if err != nil || b.Current().Number(LogMaximumAge) != 365 || !b.Read().IsZero() {
			t.Fatalf("without a file: %v, %v", b.Current().Values(), err)
		}
		if changed, err := b.Refresh(t.Context(), d); err != nil || changed || b.Current().Release() != Modoboa271 {
			t.Fatalf("first refresh: changed %v, %v, %v", changed, err, b.Current().Release())
		}
		dbtest.Exec(t, d, `UPDATE core_localconfig SET _parameters = '{"core": {"log_maximum_age": 7, "ldap_bind_password": "hidden"}}'`)
		if changed, err := b.Refresh(t.Context(), d); err != nil || !changed || b.Current().Number(LogMaximumAge) != 7 {
			t.Fatalf("after a change: changed %v, %v", changed, err)
		}
		if changed, err := b.Refresh(t.Context(), d); err != nil || changed {
			t.Fatalf("without a change: changed %v, %v", changed, err)
		}
		st, err := os.Stat(file)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Fatalf("the file has mode %v, %v", st.Mode(), err)
		}
		o := Overrides{}
		if err := o.Set("core.log_maximum_age=9", "here"); err != nil {
			t.Fatal(err)
		}
		b.Override(o)
		if b.Current().Number(LogMaximumAge) != 9 {
			t.Error("what the file sets is not in effect")
		}
		b.Override(nil)
		dbtest.Exec(t, d, `DROP TABLE core_localconfig`)
		if _, err := b.Refresh(t.Context(), d); err == nil || b.Current().Number(LogMaximumAge) != 7 {
			t.Fatalf("without the table: %v", err)
		}
		again, err := OpenBook(file, d.Name, nil)
		if err != nil || again.Current().Number(LogMaximumAge) != 7 || again.Current().Text(LDAPBindPassword) != "hidden" || again.Read().IsZero() {
			t.Fatalf("from the file: %v, %v", again.Current().Values(), err)
		}
		if again, err = OpenBook(file, d.Name, o); err != nil || again.Current().Number(LogMaximumAge) != 9 {
			t.Fatalf("from the file, with another value in vmapd's: %v", err)
		}
		if again, err = OpenBook(file, "another database", nil); err != nil || again.Current().Number(LogMaximumAge) != 365 {
			t.Fatalf("the file of another database: %v", err)
		}
	})
}

func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "parameters.json")
	for _, text := range []string{"", "{", `{"release": 77, "database": "x"}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBook(file, "x", nil)
		if b == nil || b.Current().Number(LogMaximumAge) != 365 {
			t.Errorf("%q: no defaults (%v)", text, err)
		}
	}
}

func TestDumps(t *testing.T) {
	dbtest.EachModoboa(t, func(t *testing.T, url, release string) {
		d := dbtest.Open(t, url, db.Options{ReadOnly: true})
		r, err := Detect(t.Context(), d, d)
		if want := map[string]Release{"1.10.0": Modoboa110, "2.9.3": Modoboa271}[release]; err != nil || r != want {
			t.Fatalf("release %v, %v", r, err)
		}
		s, err := Read(t.Context(), d, d, r, nil)
		if err != nil || len(s.Problems()) > 0 {
			t.Fatalf("%v, %v", err, s.Problems())
		}
		stored := 0
		for _, v := range s.Values() {
			if v.Origin == Stored {
				stored++
			}
		}
		if stored == 0 {
			t.Error("nothing is stored: this is not the data set")
		}
		t.Logf("%d of %d parameters are stored", stored, len(s.Values()))
	})
}

package mailops_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

func TestMain(m *testing.M) {
	if os.Getenv(childURL) != "" {
		os.Exit(child())
	}
	code := dbtest.Main(m)
	if code == 0 {
		if err := goleak.Find(goleak.IgnoreTopFunction("database/sql.(*DB).connectionOpener")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// world is a database with the tables of Modoboa and a folder with mail.
type world struct {
	t    *testing.T
	db   *db.DB
	url  string
	root string
	next int // id of the next operation
}

// worldData has three mailboxes in two domains.
const worldData = `domain;one.test;0;0;true
domain;two.test;0;0;true
account;ann@one.test;{PLAIN}x;Ann;A;true;SimpleUsers;ann@one.test;0
account;bob@one.test;{PLAIN}x;Bob;B;true;SimpleUsers;bob@one.test;0
account;cem@two.test;{PLAIN}x;Cem;C;true;SimpleUsers;cem@two.test;0
`

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	d := dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{Admin: "root"}); err != nil {
		t.Fatal(err)
	}
	if _, err := modoboa.ImportCSV(t.Context(), d, strings.NewReader(worldData), modoboa.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: d, url: url, root: t.TempDir(), next: 1}
}

// again returns a copy of an SQLite database that newWorld filled, by which many
// worlds are made quickly.
func again(t *testing.T, template []byte) *world {
	t.Helper()
	url := dbtest.SQLite(t)
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite:"), template, 0o600); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: dbtest.Open(t, url, db.Options{}), url: url, root: t.TempDir(), next: 1}
}

// template is an SQLite database for again.
func template(t *testing.T) []byte {
	t.Helper()
	w := newWorld(t, dbtest.SQLite(t))
	if err := w.db.Close(); err != nil { // the log goes into the file
		t.Fatal(err)
	}
	text, err := os.ReadFile(strings.TrimPrefix(w.url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// eachWorld runs f on each engine.
func eachWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, url string) { f(t, newWorld(t, url)) })
}

// home is the path of a mailbox.
func (w *world) home(address string) string { return homeIn(w.root)(address) }

// homeIn makes of an address its home: root/domain/local.
func homeIn(root string) func(string) string {
	return func(address string) string {
		local, domain, _ := strings.Cut(address, "@")
		if strings.Contains(address, "/") {
			return ""
		}
		return filepath.Join(root, domain, local)
	}
}

func domainIn(root string) func(string) string {
	return func(home string) string {
		below, err := filepath.Rel(root, filepath.Dir(home))
		if err != nil || !filepath.IsLocal(below) {
			return ""
		}
		return below
	}
}

func addressIn(root string) func(string) string {
	return func(home string) string {
		domain := domainIn(root)(home)
		if domain == "" {
			return ""
		}
		return filepath.Base(home) + "@" + domain
	}
}

func (w *world) files() *mailops.Files { return &mailops.Files{Root: w.root, Depth: 2} }

func options(d *db.DB, root string, c mailops.Carrier) mailops.Options {
	return mailops.Options{DB: d, Carrier: c, Home: homeIn(root), Domain: domainIn(root), Address: addressIn(root)}
}

// runner collects results in *got.
func (w *world) runner(c mailops.Carrier, got *[]mailops.Result) *mailops.Runner {
	o := options(w.db, w.root, c)
	o.Tidy = 1
	o.Report = func(r mailops.Result) { *got = append(*got, r) }
	return mailops.NewRunner(o)
}

// run carries out what there is, and returns what was done, with the root
// written as "~".
func (w *world) run() []string {
	w.t.Helper()
	var got []mailops.Result
	if _, err := w.runner(w.files(), &got).Run(w.t.Context(), false); err != nil {
		w.t.Fatal(err)
	}
	return w.lines(got)
}

func (w *world) lines(got []mailops.Result) []string {
	lines := []string{}
	for _, r := range got {
		word := map[bool]string{true: "done", false: "kept"}[r.Done]
		if !r.Done && r.Remedy == "" {
			word = "plan"
		}
		lines = append(lines, strings.ReplaceAll(fmt.Sprintf("%d %s: %s", r.ID, word, r.Text), w.root, "~"))
	}
	return lines
}

// exec runs a statement, whose parameters are "?".
func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(context.Background(), w.db.Rebind(query), args...); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
}

// order adds an operation; mailbox is an address of one.test or two.test, ""
// for none.
func (w *world) order(kind, argument, mailbox string) {
	w.t.Helper()
	if mailbox == "" {
		w.exec("INSERT INTO admin_mailboxoperation (id, type, argument) VALUES (?, ?, ?)", w.next, kind, argument)
	} else {
		local, domain, _ := strings.Cut(mailbox, "@")
		w.exec("INSERT INTO admin_mailboxoperation (id, type, argument, mailbox_id) SELECT "+fmt.Sprint(w.next)+", '"+kind+`', ?, m.id FROM admin_mailbox m
			JOIN admin_domain d ON d.id = m.domain_id WHERE m.address = ? AND d.name = ?`, argument, local, domain)
	}
	w.next++
}

// address gives a mailbox another one.
func (w *world) address(old, to string) {
	w.t.Helper()
	local, domain, _ := strings.Cut(old, "@")
	toLocal, toDomain, _ := strings.Cut(to, "@")
	w.exec("UPDATE admin_mailbox SET address = ?, domain_id = (SELECT id FROM admin_domain WHERE name = ?) WHERE address = ? AND domain_id = (SELECT id FROM admin_domain WHERE name = ?)",
		toLocal, toDomain, local, domain)
}

// drop deletes a mailbox.
func (w *world) drop(address string) {
	w.t.Helper()
	local, domain, _ := strings.Cut(address, "@")
	mailbox := "(SELECT m.id FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE m.address = '" + local + "' AND d.name = '" + domain + "')"
	var id int64
	if err := w.db.QueryRowContext(w.t.Context(), "SELECT id FROM admin_mailbox WHERE id = "+mailbox).Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	w.exec("DELETE FROM modoboa_admin_aliasrecipient WHERE r_mailbox_id = ?", id)
	w.exec("DELETE FROM admin_mailbox WHERE id = ?", id)
}

// mail puts files below the root: "one.test/ann/cur/1". A path that ends with a
// slash is a folder. What a file holds is its path as it was first.
func (w *world) mail(paths ...string) { w.t.Helper(); putMail(w.t, w.root, paths...) }

func putMail(t testing.TB, root string, paths ...string) {
	t.Helper()
	for _, p := range paths {
		full := filepath.Join(root, p)
		dir := filepath.Dir(full)
		if strings.HasSuffix(p, "/") {
			dir = full
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if dir == full {
			continue
		}
		if err := os.WriteFile(full, []byte(p), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// tree lists the files below the root, and empty folders, with what they hold
// if that is not their path.
func (w *world) tree() []string { return treeOf(w.t, w.root) }

func treeOf(t testing.TB, root string) []string {
	t.Helper()
	list := []string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		below, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			if names, _ := os.ReadDir(path); len(names) == 0 && strings.Contains(below, "/") {
				list = append(list, below+"/")
			}
			return nil
		case e.Type()&fs.ModeSymlink != 0:
			to, _ := os.Readlink(path)
			list = append(list, below+" -> "+to)
			return nil
		}
		text, err := os.ReadFile(path)
		if string(text) != below {
			below += " = " + string(text)
		}
		list = append(list, below)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// pending lists the rows that are left.
func (w *world) pending() []string {
	w.t.Helper()
	return w.column("SELECT id FROM admin_mailboxoperation ORDER BY id")
}

func (w *world) column(query string) []string {
	w.t.Helper()
	list := []string{}
	rows, err := w.db.QueryContext(w.t.Context(), query)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			w.t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return list
}

// same compares lists.
func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

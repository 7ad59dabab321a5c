package modoboa

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// readCSV reads a whole file at once.
func readCSV(r io.Reader, separator rune) (*csvFile, error) {
	t, err := openCSV(r, separator)
	if err != nil {
		return nil, err
	}
	defer t.close()
	f := &csvFile{errs: t.errs}
	return f, t.parts(t.lines+1, func(part *csvFile) error {
		f.lines = append(f.lines, part.lines...)
		return nil
	})
}

func TestReadCSV(t *testing.T) {
	long := strings.Repeat("x", 70000)
	for _, c := range []struct {
		name, in string
		lines    []csvLine
		errs     []string
	}{
		{"empty", "", nil, nil},
		{"blank lines and comments", "\n# a;b\n \n;;\na;b\n", []csvLine{{5, []string{"a", "b"}}}, nil},
		{"byte order mark, CRLF, no end of line", "\uFEFFa; b \r\nc;d", []csvLine{{1, []string{"a", "b"}}, {2, []string{"c", "d"}}}, nil},
		{"quotes", `a;"b;""c"""` + "\n", []csvLine{{1, []string{"a", `b;"c"`}}}, nil},
		{"letters", "a;Ünï", []csvLine{{1, []string{"a", "Ünï"}}}, nil},
		{"a long field", "a;" + long, []csvLine{{1, []string{"a", long}}}, nil},
		{
			"a bare quote", "a;b\"c\nd;e",
			[]csvLine{{2, []string{"d", "e"}}},
			[]string{`line 1: bare " in non-quoted-field: put a field with a quote or the separator in it between quotes, and double the quotes inside`},
		},
		{
			"an open quote", "a;b\nc;\"d\ne;f\n",
			[]csvLine{{1, []string{"a", "b"}}},
			[]string{`line 2: extraneous or missing " in quoted-field: put a field with a quote or the separator in it between quotes, and double the quotes inside`},
		},
		{
			"an open quote before a large file", "a;b\nc;\"d" + strings.Repeat("efghijklmnopqr\n", 100000),
			[]csvLine{{1, []string{"a", "b"}}},
			[]string{"line 2: is longer than 1048576 bytes: is a quote left open?"},
		},
		{
			"control bytes", "a;\x7f\nb;x\u0085y\nc;x\u2028y\nd;\te\n\x1b;e",
			[]csvLine{{4, []string{"d", "e"}}},
			[]string{
				"line 1: field 2 contains a control character", "line 2: field 2 contains a control character",
				"line 3: field 2 contains a line break", "line 5: field 1 contains a control character",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := readCSV(strings.NewReader(c.in), 0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.lines, f.lines, cmp.AllowUnexported(csvLine{})); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			var errs []string
			for _, e := range f.errs.first {
				errs = append(errs, e.Error())
			}
			if diff := cmp.Diff(c.errs, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDemoPasswords holds DemoData to its word.
func TestDemoPasswords(t *testing.T) {
	f, err := readCSV(strings.NewReader(DemoData), 0)
	if err != nil || f.errs.total > 0 {
		t.Fatal(err, f.errs.first)
	}
	accounts := 0
	for _, l := range f.lines {
		if l.fields[0] != "account" {
			continue
		}
		accounts++
		digest, err := shacrypt.Decode(strings.TrimPrefix(l.fields[2], "{SHA512-CRYPT}"))
		if err != nil || !digest.Match("demo") {
			t.Errorf("line %d: the password is not demo: %v", l.number, err)
		}
	}
	if accounts == 0 {
		t.Error("no account")
	}
}

func TestReadCSVFails(t *testing.T) {
	broken := errors.New("disk on fire")
	if _, err := readCSV(iotest.ErrReader(broken), 0); !errors.Is(err, broken) {
		t.Errorf("error %v, want the reader's", err)
	}
	for _, s := range []rune{'"', '\n', '#', -1, unicode.MaxRune + 1} {
		if _, err := readCSV(strings.NewReader(""), s); err == nil {
			t.Errorf("%q is taken for a separator", s)
		}
	}
}

// importSeeds are valid and bad files.
var importSeeds = []string{
	DemoData, "", "\uFEFFdomain;a.test;0;0;1", "a;\"b", "a;b\"c", "\x00", "a;\xff\xfe", "a;\"b\nc\"", "#", ";;;;", "\"\"\"", "a;\x1b[2J", "account;a@b.test;{X}y;;;1;SimpleUsers;a@b.test;0",
	"alias;@a.test;1;b+c@a.test;;d@e@f.test", "relaydomain;r.test;::1;25;relay;1;1",
}

func TestReadCSVOneByteReads(t *testing.T) {
	for _, s := range importSeeds {
		whole, err1 := readCSV(strings.NewReader(s), 0)
		bytes, err2 := readCSV(iotest.OneByteReader(strings.NewReader(s)), 0)
		if err1 != nil || err2 != nil {
			t.Fatalf("%q: %v, %v", s, err1, err2)
		}
		if diff := cmp.Diff(whole, bytes, cmp.AllowUnexported(csvFile{}, csvLine{}, lineErrors{})); diff != "" {
			t.Errorf("%q (-whole +byte by byte):\n%s", s, diff)
		}
	}
}

// FuzzImport reads any bytes and plans what comes out over a small world: no
// panic, each error has a line number, and no value that would be written has
// a control character, a line break or bytes that are not UTF-8.
func FuzzImport(f *testing.F) {
	for _, s := range importSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		file, err := readCSV(strings.NewReader(string(in)), 0)
		if err != nil {
			t.Fatal(err)
		}
		c := newCourse(ImportOptions{ContinueIfExists: true}, &csvText{errs: file.errs})
		p := newPlan(c, smallWorld())
		p.objects(file)
		p.resolveAll()
		err = c.err()
		var lines *ImportError
		if errors.As(err, &lines) {
			for _, l := range lines.Lines {
				if l.Line < 1 || l.Line > strings.Count(string(in), "\n")+1 || l.Text == "" {
					t.Errorf("error of line %d: %q", l.Line, l.Text)
				}
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts(&p.set) {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%q would be written", text)
			}
		}
	})
}

func smallWorld() *world {
	return &world{
		domains: map[string]*rows.Domain{"a.test": {ID: 1, Name: "a.test", Quota: 100}}, domainByID: map[int64]*rows.Domain{}, domainAliases: map[string]string{},
		users: map[string]*rows.User{}, mailboxes: map[string]*rows.Mailbox{"b@a.test": {ID: 1, Address: "b@a.test"}},
		ordinary: map[string]*rows.Alias{"c@a.test": {ID: 1, Address: "c@a.test"}}, internal: map[string]*rows.Alias{},
		transports: map[string]string{}, access: map[string]bool{}, quotas: map[string]bool{}, known: map[*rows.Alias]*known{},
		base: &rows.Base{Superusers: []*rows.User{{ID: 1}}, Groups: map[string]int64{"SimpleUsers": 1, "DomainAdmins": 2, "Resellers": 3}},
	}
}

// texts are all texts of a set.
func texts(s *rows.Set) []string {
	out := append(slices.Clone(s.Quotas), append(s.Access, s.NoAccess...)...)
	for _, d := range s.Domains {
		out = append(out, d.Name)
		if d.Transport != nil {
			out = append(out, d.Transport.Pattern, d.Transport.NextHop(), d.Transport.Settings())
		}
	}
	for _, a := range s.DomainAliases {
		out = append(out, a.Name)
	}
	for _, u := range s.Users {
		out = append(out, u.Login, u.Email, u.Password, u.First, u.Last, u.Role)
	}
	for _, m := range s.Mailboxes {
		out = append(out, m.Local, m.Address)
	}
	for _, a := range s.Aliases {
		out = append(out, a.Address)
	}
	for _, r := range s.Recipients {
		out = append(out, r.Address)
	}
	return out
}

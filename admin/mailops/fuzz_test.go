package mailops_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/admin/mailops"
)

func asError[T error](err error, to *T) bool { return errors.As(err, to) }

// FuzzLocate never lets a path out of the root, nor be more or less than a home.
func FuzzLocate(f *testing.F) {
	for _, s := range []string{"", "/", "/srv/vmail", "/srv/vmail/one.test/ann", "/srv/vmail//one.test/./ann/", "/srv/vmail/../x", "/srv/vmail/one.test/..", "/srv/vmailx/a/b", "/srv/vmail/\x00/b", "srv/vmail/a/b", "/srv/vmail/a/.vmapd-done-1-2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		below, err := mailops.Locate("/srv/vmail", 2, path)
		if err != nil {
			if remedy, ok := err.(interface{ Remedy() string }); !ok || remedy.Remedy() == "" || strings.ContainsAny(err.Error(), "\n\x00") {
				t.Errorf("%q: error %q", path, err)
			}
			return
		}
		if !filepath.IsLocal(below) || strings.Count(below, "/") != 1 || filepath.Clean(below) != below || filepath.Join("/srv/vmail", below) != filepath.Clean(path) {
			t.Errorf("%q is %q", path, below)
		}
	})
}

// FuzzParseLocation finds a folder below the home, or nothing.
func FuzzParseLocation(f *testing.F) {
	for _, s := range []string{"maildir:~/Maildir", "mdbox:%h/mdbox:INDEX=/x", "maildir:/srv/%d/%n", "maildir:~/", "maildir:~/../x", "", ":", "sdbox:~/a/./b:LAYOUT=fs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := mailops.ParseLocation(s)
		if err == nil && (!filepath.IsLocal(l.Below) || l.Below == "." || l.Driver == "") {
			t.Errorf("%q is %+v", s, l)
		}
	})
}

// FuzzReplies reads what a server that is not doveadm may say.
func FuzzReplies(f *testing.F) {
	for _, s := range []string{`[["doveadmResponse",[],"0"]]`, `[["error",{"type":"exitCode","exitCode":68},"0"]]`, `[]`, `[[]]`, `{}`, `[[1,2,3]]`, `[["doveadmResponse",{"a":{}},"0"]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var users map[string]struct{ Home string }
		_ = mailops.ReadReply(text, &users)
	})
}

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// dovecotPatient is a host with the configuration that "vmapd doveconf" prints.
// vmapd runs there, Dovecot does not.
func dovecotPatient(t *testing.T, binary, route string) (*dovecotHost, *patient) {
	t.Helper()
	url := dbtest.SQLite(t)
	fillLogins(t, url)
	h := newDovecotHost(t, binary, route, url, "")
	h.v.Start(t)
	h.v.AwaitReady(t)
	postfix := t.TempDir()
	writeFiles(t, postfix, map[string]string{"main.cf": "queue_directory = " + h.Queue + "\n", "master.cf": ""})
	return h, &patient{h.v.Binary, []string{"doctor", "-c", h.v.Config, "--json", "--dovecot-config", h.Config(), "--postfix-config", postfix}}
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDoctorOfDovecot looks at a real Dovecot: as "vmapd doveconf" has it, with
// single settings spoilt, and as Modoboa's installer has it.
func TestDoctorOfDovecot(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	mailtest.Require(t)
	binary := drill.Binary(t)
	for _, tc := range []struct {
		name, route string
		spoil       map[string]string // replaced in the files
		want        []string
	}{
		{"as printed", "dict", nil, nil},
		{"as printed", "server", nil, nil},
		{"no userdb", "dict", map[string]string{"userdb {\n  driver = dict\n  args = CONF/vmapd-auth.conf.ext\n}": ""}, []string{"dovecot-auth error: userdb"}},
		{"a connection that idles", "dict", map[string]string{"idle_msecs=20000": "idle_msecs=60000"}, []string{"dovecot-auth error: CONF/vmapd-auth.conf.ext", "dovecot-auth error: CONF/vmapd-master.conf.ext"}},
		{"another file", "dict", map[string]string{"iterate_prefix = userdb/\n": ""}, []string{"dovecot-auth warning: CONF/vmapd-auth.conf.ext"}},
		{"another socket for IMAP", "server", map[string]string{"executable = imap-login ": "executable = imap-login /elsewhere"}, []string{"dovecot-auth error: service imap-login"}},
		{"quota", "dict", map[string]string{"quota_clone_dict = proxy:": "quota_clone_dict = proxy:/elsewhere"}, []string{"dovecot-quota warning: quota_clone"}},
		{"no plugin", "server", map[string]string{"quota quota_clone": "quota"}, []string{"dovecot-quota warning: quota_clone"}},
		{"LMTP elsewhere", "server", map[string]string{"/private/dovecot-lmtp": "/private/lmtp"}, []string{"dovecot-lmtp error: QUEUE/private/dovecot-lmtp"}},
		{"delimiter", "dict", map[string]string{"recipient_delimiter = +": "recipient_delimiter = -"}, []string{"dovecot-delimiter error: recipient_delimiter"}},
		{"user", "dict", map[string]string{"mail_location": "last_valid_uid = 600\nmail_location"}, []string{"dovecot-uid error: first_valid_uid"}},
		{"no logins", "server", map[string]string{"auth_socket_path = ": "#"}, []string{"dovecot-auth warning: passdb"}},
	} {
		t.Run(tc.name+" "+tc.route, func(t *testing.T) {
			h, p := dovecotPatient(t, binary, tc.route)
			place := strings.NewReplacer("CONF", h.Conf, "QUEUE", h.Queue)
			for from, to := range tc.spoil {
				if !replaceIn(t, h.Conf, place.Replace(from), place.Replace(to)) {
					t.Fatalf("no file has %q", from)
				}
			}
			var want []string
			for _, w := range tc.want {
				want = append(want, place.Replace(w))
			}
			p.finds(t, "dovecot", want...)
			if tc.spoil != nil {
				return
			}
			h.Start(dovetest.Settings{Submission: true})
			if got := h.IMAP(t).Login("ann@home.test", "secret"); !strings.HasPrefix(got, "OK") {
				t.Errorf("nothing is wrong, but a login fails: %s", got)
			}
		})
	}
	t.Run("SQL", func(t *testing.T) {
		h, p := dovecotPatient(t, binary, "dict")
		fill := strings.NewReplacer("${conf}", h.Conf, "${mail}", h.Mail, "${queue}", h.Queue, "${owner}", fmt.Sprint(dovetest.Owner))
		writeFiles(t, h.Conf, map[string]string{"local.conf": "", "dovecot.conf": fill.Replace(readFile(t, "testdata/dovecot/dovecot.conf"))})
		p.finds(t, "dovecot", "dovecot-lmtp error: "+h.Queue+"/private/dovecot-lmtp", "dovecot-quota warning: quota_clone", "dovecot-sql warning: dict quota", "dovecot-sql warning: passdb", "dovecot-sql warning: userdb")
	})
	t.Run("sockets that keep Dovecot out", func(t *testing.T) {
		h, p := dovecotPatient(t, binary, "server")
		for _, protocol := range []string{"dict", "auth", "auth-master"} {
			if err := os.Chmod(h.socket(protocol), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, f := range p.diagnose(t, "socket-access") {
			if strings.HasPrefix(f.Subject, h.Dir) {
				got = append(got, strings.TrimPrefix(f.Subject, h.Dir+"/"))
			}
		}
		if strings.Join(got, " ") != "auth auth-master dict" {
			t.Errorf("Dovecot is kept out of %q", got)
		}
	})
}

// replaceIn changes a text in the files of a folder, and reports whether one has
// it.
func replaceIn(t *testing.T, dir, from, to string) (found bool) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.conf*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text := readFile(t, file)
		if strings.Contains(text, from) {
			found = true
			writeFiles(t, dir, map[string]string{filepath.Base(file): strings.ReplaceAll(text, from, to)})
		}
	}
	return found
}

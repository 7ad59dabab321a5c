package dovecot

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/lookup/usage"
)

func ownUID() uint32 { return uint32(os.Getuid()) }

// TestAuthDict: Dovecot checks passwords by what it reads here.
func TestAuthDict(t *testing.T) {
	d, _ := newDicts(&data{world()}, ownUID())
	c := openDict(t, d, "auth")
	user := func(home, size string) map[string]any {
		return map[string]any{"uid": 5000.0, "gid": 5001.0, "home": home, "quota_rule": "*:bytes=" + size, "quota_storage_size": size}
	}
	login := func(address string, userdb map[string]any) map[string]any {
		all := map[string]any{"password": "{PLAIN}secret", "user": address}
		for name, v := range userdb {
			all["userdb_"+name] = v
		}
		return all
	}
	ann, strange := user("/srv/a.test/ann", "1M"), user(`/srv/a.test/o'"b\rien`, "9M")
	for key, want := range map[string]map[string]any{
		"passdb/imap/ann@a.test":        login("ann@a.test", ann),
		"passdb/Ann@A.test":             login("ann@a.test", ann),
		`passdb/imap/o'"b\rien@a.test`:  login(`o'"b\rien@a.test`, strange),
		"passdb/smtp/sender@a.test":     login("sender@a.test", user("/srv/a.test/sender", "5M")),
		"passdb/imap/sender@a.test":     nil,
		"passdb/imap/closed@a.test":     nil,
		"passdb/imap/off@off.test":      nil,
		"passdb/imap/external@a.test":   nil,
		"passdb/imap/nobody@a.test":     nil,
		"master/boss@a.test":            login("boss@a.test", nil),
		"master/ann@a.test":             nil,
		"master/nobody@a.test":          nil,
		"userdb/lmtp/ann@a.test":        ann,
		"userdb/lmtp/closed@a.test":     user("/srv/a.test/closed", "3M"),
		"userdb/lmtp/sender@a.test":     nil,
		"userdb/doveadm/sender@a.test":  user("/srv/a.test/sender", "5M"),
		`userdb/lmtp/o'"b\rien@a.test`:  strange,
		"userdb/lmtp/nobody@a.test":     nil,
		"userdb/lmtp/../../etc@a.test/": nil,
	} {
		line := c.ask("Lshared/%s\t", key)
		if want == nil {
			if line != "N" {
				t.Errorf("%s: %q, want N", key, line)
			}
			continue
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "O")), &got); err != nil {
			t.Errorf("%s: %q: %v", key, line, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	if got := c.ask("Lshared/other/ann@a.test\t"); !strings.HasPrefix(got, "F") {
		t.Errorf("another key: %q, want a failure", got)
	}

	c.send("I0\t0\tshared/userdb/\t*")
	var rows []string
	for line := c.line(); line != ""; line = c.line() {
		rows = append(rows, line)
	}
	if !slices.Contains(rows, "Oshared/userdb/ann@a.test\t") || len(rows) != 9 {
		t.Errorf("%d rows: %q", len(rows), rows)
	}
	c.send("B1\t\nS1\tshared/passdb/ann@a.test\tx")
	if got := c.ask("C1"); !strings.HasPrefix(got, "F1\t") {
		t.Errorf("a write: %q, want a failure", got)
	}
}

// TestHashesAreForReaders: others get users, and "cannot say" for hashes.
func TestHashesAreForReaders(t *testing.T) {
	d, _ := newDicts(&data{world()}, ownUID()+1)
	c := openDict(t, d, "auth")
	for _, key := range []string{"passdb/imap/ann@a.test", "passdb/imap/nobody@a.test", "master/boss@a.test"} {
		if got := c.ask("Lshared/%s\t", key); !strings.HasPrefix(got, "F") || strings.Contains(got, "secret") {
			t.Errorf("%s: %q", key, got)
		}
	}
	if got := c.ask("Lshared/userdb/lmtp/ann@a.test\t"); !strings.HasPrefix(got, "O") {
		t.Errorf("userdb: %q", got)
	}
}

// TestQuotaDicts: both dialects of quota reports come to the same figures.
func TestQuotaDicts(t *testing.T) {
	d, j := newDicts(&data{world()})
	c := openDict(t, d, "quota")
	const storage, messages = "priv/quota/storage", "priv/quota/messages"
	look := func(key string) string { return c.ask("L%s\tann@a.test", key) }
	if got := look(storage); got != "N" {
		t.Errorf("nobody has counted yet: %q", got)
	}
	for _, tc := range []struct {
		ops, reply       string
		storage, message string
	}{
		{"A1\t" + storage + "\t10", "N1", "N", "N"}, // there is nothing to add to
		{"S1\t" + storage + "\t1000\nS1\t" + messages + "\t2", "O1", "O1000", "O2"},
		{"A1\t" + storage + "\t-300\nA1\t" + messages + "\t1", "O1", "O700", "O3"},
		{"A1\t" + storage + "\t-701", "N1", "O700", "O3"}, // less than nothing: it is to count anew
		{"S1\t" + storage + "\tmany", "F1", "O700", "O3"},
		{"S1\tpriv/quota/other\t1", "F1", "O700", "O3"},
		{"U1\t" + storage + "\nU1\t" + messages, "O1", "N", "N"}, // will be told anew
		{"S1\t" + storage + "\t5\nS1\t" + messages + "\t1", "O1", "O5", "O1"},
	} {
		c.send("B1\tann@a.test\n%s", tc.ops)
		if got := c.ask("C1"); got != tc.reply && !strings.HasPrefix(got, tc.reply+"\t") {
			t.Errorf("%q is answered %q, want %s", tc.ops, got, tc.reply)
		}
		if s, m := look(storage), look(messages); s != tc.storage || m != tc.message {
			t.Errorf("after %q: %s, %s; want %s, %s", tc.ops, s, m, tc.storage, tc.message)
		}
	}
	if got, want := j.figures, map[string]usage.Figures{"ann@a.test": {Bytes: 5, Messages: 1}}; !maps.Equal(got, want) {
		t.Errorf("kept: %v, want %v", got, want)
	}
	j.err = errors.New("disk full")
	c.send("B1\tann@a.test\nS1\t%s\t6", storage)
	if got := c.ask("C1"); !strings.HasPrefix(got, "F1\t") || !strings.Contains(got, "disk full") {
		t.Errorf("what is not kept is acknowledged: %q", got)
	}
	c.send("B1\tnobody@a.test\nS1\t%s\t6", storage)
	if got := c.ask("C1"); !strings.HasPrefix(got, "F1\t") {
		t.Errorf("a mailbox that is not there: %q", got)
	}
}

// TestLastLogin takes times in each precision, for the account's own name.
func TestLastLogin(t *testing.T) {
	d, j := newDicts(&data{world()})
	c := openDict(t, d, "lastlogin")
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for _, value := range []string{"1772600767", "1772600767000", "1772600767000000", "1772600767000000000"} {
		clear(j.logins)
		c.send("B1\tann@a.test\nS1\tshared/last-login/Ann@a.test/imap\t%s", value)
		if got := c.ask("C1"); got != "O1" || !j.logins["name-ann"].Equal(at) {
			t.Errorf("%s is answered %q and kept as %v, want %v", value, got, j.logins, at)
		}
	}
	for _, op := range []string{
		"S1\tshared/last-login/ann@a.test\tnever", "S1\tshared/last-login/ann@a.test\t-5", "S1\tshared/last-login/nobody@a.test\t1772600767",
		"S1\tshared/other/ann@a.test\t1772600767", "U1\tshared/last-login/ann@a.test",
	} {
		clear(j.logins)
		c.send("B1\tann@a.test\n%s", op)
		if got := c.ask("C1"); !strings.HasPrefix(got, "F1\t") || len(j.logins) > 0 {
			t.Errorf("%q is answered %q, kept %v", op, got, j.logins)
		}
	}
	if got := c.ask("Lshared/last-login/ann@a.test\t"); !strings.HasPrefix(got, "F") {
		t.Errorf("a lookup: %q", got)
	}
}

func TestUnknownDict(t *testing.T) {
	d, _ := newDicts(&data{world()})
	if got := openDict(t, d, "other").ask("Lshared/x\t"); !strings.HasPrefix(got, "Fthere is no dict") {
		t.Errorf("%q", got)
	}
}

package socketmap

import (
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// TestPostmap has Postfix's own client ask.
func TestPostmap(t *testing.T) {
	postmap := linetest.Postmap(t)
	addr := linetest.Listen(t, (&Server{Lookup: testLookup}).ServeConn)
	for _, tc := range []struct {
		name, table, key string
		status           int
		out, log         string
	}{
		{"found", "aliases", "user@d1.test", 0, "box@example.com\n", ""},
		{"not found", "aliases", "none@d1.test", 1, "", ""},
		{"spaces", "echo", " a b:c ", 0, "\" a b:c \"\n", ""},
		{"UTF-8", "echo", "dömain.test", 0, "\"dömain.test\"\n", ""},
		{"empty key", "echo", "", 0, "\"\"\n", ""},
		{"long key", "one", strings.Repeat("k", 10000), 0, "1\n", ""},
		{"largest value", "size", "99997", 0, strings.Repeat("v", 99997) + "\n", ""},
		{"value one byte longer", "size", "99998", 1, "", "socketmap server temporary error: the value is 99998 bytes long, Postfix reads 99997"},
		{"cannot say", "temp", "x", 1, "", "socketmap server temporary error: snapshot not loaded? yes"},
		{"empty value", "empty", "x", 1, "", "temporary error: the value is empty"},
		{"NUL", "nul", "x", 1, "", "temporary error: the value contains a NUL byte"},
		{"not UTF-8", "latin1", "x", 1, "", "temporary error: the value is not UTF-8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel() // postmap sleeps a second after an error
			status, out, log := postmap(t, "socketmap:inet:"+addr+":"+tc.table, tc.key)
			if status != tc.status || out != tc.out || !strings.Contains(log, tc.log) || tc.log == "" && log != "" {
				t.Errorf("status %d, printed %.100q, logged %q; want %d, %.100q, %q", status, out, log, tc.status, tc.out, tc.log)
			}
		})
	}
}

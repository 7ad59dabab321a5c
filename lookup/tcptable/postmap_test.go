package tcptable

import (
	"strings"
	"testing"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

// TestPostmap has Postfix's own client ask. It keeps the reason of a 400 to
// itself.
func TestPostmap(t *testing.T) {
	postmap := linetest.Postmap(t)
	addr := linetest.Listen(t, newServer().ServeConn)
	for _, tc := range []struct {
		name, key string
		status    int
		out, log  string
	}{
		{"found", "user@d1.test", 0, "box@example.com\n", ""},
		{"not found", "none@d1.test", 1, "", ""},
		{"empty key", "", 1, "", ""},
		{"quoting", "echo: a%b\"c\té ", 0, " a%b\"c\té \n", ""},
		{"long key", "echo:" + strings.Repeat("k", 4000), 0, strings.Repeat("k", 4000) + "\n", ""},
		{"largest value", "size:4091", 0, strings.Repeat("v", 4091) + "\n", ""},
		{"value one byte longer", "size:4092", 1, "", "query error"},
		{"cannot say", "temp", 1, "", "query error"},
		{"not UTF-8", "latin1", 1, "", "query error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel() // postmap sleeps a second after an error
			status, out, log := postmap(t, "tcp:"+addr, tc.key)
			if status != tc.status || out != tc.out || !strings.Contains(log, tc.log) || tc.log == "" && log != "" {
				t.Errorf("status %d, printed %.100q, logged %q; want %d, %.100q, %q", status, out, log, tc.status, tc.out, tc.log)
			}
		})
	}
}

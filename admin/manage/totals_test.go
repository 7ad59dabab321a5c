package manage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/admin/manage"
)

// TestDeepPages: deep in a long list the total may be that of a moment ago, but
// not what was made here since, and the first page always counts.
func TestDeepPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		w.exec("UPDATE admin_domain SET quota = 0 WHERE name = 'one.test'")
		var b strings.Builder
		for i := range 1100 {
			fmt.Fprintf(&b, "account;deep%04d@one.test;{PLAIN}x;D;P;true;SimpleUsers;deep%04d@one.test;0\n", i, i)
		}
		w.csv(b.String())
		page := func(offset int) (int, int) {
			p := see(w, "adm@one.test", func(t *manage.Tx) (manage.Page[manage.Account], error) {
				return t.Accounts(manage.Query{Offset: offset, Limit: 10})
			})
			return p.Total, len(p.Items)
		}
		all, _ := page(0)
		if got, n := page(1050); got != all || n != 10 || all < 1100 {
			t.Errorf("deep: %d accounts, %d on the page, want %d", got, n, all)
		}
		w.exec("DELETE FROM core_objectaccess WHERE object_id = (SELECT id FROM core_user WHERE username = 'deep0000@one.test')")
		if got, _ := page(0); got != all-1 {
			t.Errorf("the first page counts %d, want %d", got, all-1)
		}
		if got, _ := page(1050); got != all-1 {
			t.Errorf("a deep page after it: %d, want %d", got, all-1)
		}
	})
}

package manage_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/manage"
)

func TestCallers(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world) {
		got := map[string]manage.Role{}
		for _, login := range []string{"root", "rita", "adm@one.test", "ann@one.test"} {
			got[login] = w.as(login).Role
		}
		want := map[string]manage.Role{"root": manage.SuperAdmins, "rita": manage.Resellers, "adm@one.test": manage.DomainAdmins, "ann@one.test": manage.SimpleUsers}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("roles (-want +got):\n%s", diff)
		}
		token := w.rows("SELECT " + w.d.Quote("key") + " FROM authtoken_token")[0]
		if c, err := w.m.CallerByToken(t.Context(), token); err != nil || c == nil || c.Name != "root" {
			t.Errorf("the token of root: %v, %v", c, err)
		}
		if c, err := w.m.CallerByToken(t.Context(), token[1:]+"0"); err != nil || c != nil {
			t.Errorf("a wrong token: %v, %v", c, err)
		}
		w.sound()
	})
}

//go:build bench

package main_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// The tokens of those who ask.
const (
	superToken = "1111111111111111111111111111111111111111"
	adminToken = "2222222222222222222222222222222222222222"
)

// addAdmins gives the super administrator a token and makes a domain
// administrator who has access to everything: the most that lists can cost.
func (h *benchHost) addAdmins(t *testing.T) {
	t.Helper()
	const id = 10_000_000
	grant := func(model, from string) string {
		return fmt.Sprintf("INSERT INTO core_objectaccess (user_id, content_type_id, object_id) SELECT %d, (SELECT id FROM django_content_type WHERE app_label || '.' || model = '%s'), %s", id, model, from)
	}
	dbtest.Exec(t, dbtest.Open(t, h.url, db.Options{}),
		"UPDATE authtoken_token SET key = '"+superToken+"' WHERE user_id = 1",
		fmt.Sprintf("INSERT INTO core_user (id, username) VALUES (%d, 'boss')", id),
		fmt.Sprintf("INSERT INTO core_user_groups (user_id, group_id) SELECT %d, id FROM auth_group WHERE name = 'DomainAdmins'", id),
		fmt.Sprintf("INSERT INTO core_user_groups (user_id, group_id) SELECT id, (SELECT id FROM auth_group WHERE name = 'SimpleUsers') FROM core_user WHERE id BETWEEN 2 AND %d", id-1),
		fmt.Sprintf("INSERT INTO authtoken_token (key, user_id) VALUES ('%s', %d)", adminToken, id),
		grant("admin.domain", "id FROM admin_domain"), grant("admin.domainalias", "id FROM admin_domainalias"),
		grant("admin.mailbox", "id FROM admin_mailbox"), grant("core.user", "user_id FROM admin_mailbox"),
		grant("admin.alias", "id FROM admin_alias WHERE NOT internal"),
		"VACUUM ANALYZE")
}

// benchAdmin measures what administrators wait for: pages of lists, and
// searches.
func benchAdmin(t *testing.T, h *benchHost, r *report) {
	h.addAdmins(t)
	v := h.start(t)
	socket := filepath.Join(filepath.Dir(v.socket), "http")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	for _, who := range []struct{ name, token string }{{"super administrator", superToken}, {"administrator of all domains", adminToken}} {
		for _, what := range []string{
			"accounts/?page=1", "accounts/?page=900&page_size=100", "accounts/?search=user55&page=1", "accounts/?search=d77.bench&page=1", "accounts/?search=nobody&page=1", "accounts/?domain=d500.bench.test&page=1",
			"accounts/?ordering=-last_login&page=1", "domains/?page=1", "domains/?search=d55&page=1", "aliases/?page=1", "aliases/?search=alias5%40d9&page=1",
			"domainaliases/?page=1", "relaydomains/?page=1", "senderaddresses/?page=1",
		} {
			var waits samples
			for range 7 {
				began := time.Now()
				body := ask(t, client, "/api/v1/"+what, who.token)
				waits = append(waits, float64(time.Since(began).Microseconds())/1000)
				if !strings.HasPrefix(body, `{"count":`) {
					t.Fatalf("%s: %.200s", what, body)
				}
			}
			r.atMost("admin, "+who.name+": "+what, "%.1f ms", waits, 100)
		}
	}
}

func ask(t *testing.T, c *http.Client, path, token string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://vmapd"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Token "+token)
	a, err := c.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", path, a.Status, err, b)
	}
	return string(b)
}

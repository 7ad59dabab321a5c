package login

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/store"
)

func TestWritePasswdFile(t *testing.T) {
	s := world(func(b *store.Builder) {
		b.AddMailbox(store.Mailbox{ID: 20, Local: "a:b", DomainID: 1})
		b.AddMailbox(store.Mailbox{ID: 21, Local: "../c", DomainID: 1})
		b.AddMailbox(store.Mailbox{ID: 22, Local: "nobody's", DomainID: 1})
	})
	o := options()
	var out bytes.Buffer
	n, left, err := o.WritePasswdFile(&out, s)
	if err != nil {
		t.Fatal(err)
	}
	rest := "5000:5001::/srv/a.test/"
	zero := "::userdb_quota_rule=*:bytes=0M userdb_quota_storage_size=0M\n"
	want := []string{
		"broken@a.test:{NONSENSE}x:" + rest + "broken" + zero,
		"closed@a.test:{CRYPT}*:" + rest + "closed" + zero,
		"dear@a.test:" + dear + ":" + rest + "dear" + zero,
		"external@a.test:{CRYPT}*:" + rest + "external" + zero,
		"master@a.test:" + dear + ":" + rest + "master" + zero,
		"nobody's@a.test:{CRYPT}*:" + rest + "nobody's" + zero,
		`nobody\'s@a.test:{CRYPT}*:` + rest + "nobody's" + zero,
		"off@off.test:{CRYPT}*:5000:5001::/srv/off.test/off" + zero,
		"plain@a.test:{PLAIN}secret:" + rest + "plain::userdb_quota_rule=*:bytes=5M userdb_quota_storage_size=5M\n",
		"sendonly@a.test:" + dear + ":" + rest + "sendonly" + strings.TrimSuffix(zero, "\n") + " nologin reason=This_mailbox_is_for_sending_only\n",
		"weak@a.test:{PLAIN-MD5}5ebe2294ecd0e0f08eab7690d2a6ee69:" + rest + "weak" + zero,
	}
	got := slices.Sorted(strings.Lines(out.String()))
	if diff := cmp.Diff(want, got); diff != "" || n != len(want)-1 {
		t.Errorf("%d lines, -want +got\n%s", n, diff)
	}
	slices.Sort(left)
	if diff := cmp.Diff([]string{"../c@a.test", "a:b@a.test"}, left); diff != "" {
		t.Errorf("left out: -want +got\n%s", diff)
	}
}

package main_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/mailops"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
)

// doveadmConf is a Dovecot that knows everybody.
const doveadmConf = `protocols = imap lmtp
mail_location = maildir:~/Maildir
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=MAIL/%d/%n allow_all_users=yes
}
namespace inbox {
  inbox = yes
}
!include_try local.conf
`

// nobodyHas are facts: no mailbox has a home, and rows are there.
type nobodyHas struct{ owner *mailops.Owner }

func (nobodyHas) Pending(context.Context, *mailops.Operation) error { return nil }
func (n nobodyHas) Owner(context.Context, string, *mailops.Operation) (*mailops.Owner, error) {
	return n.owner, nil
}

func (nobodyHas) Leaves(context.Context, string, *mailops.Operation) (int64, error) { return 0, nil }

// doveadmHost is a Dovecot with its API.
type doveadmHost struct {
	*dovetest.Dovecot
	carrier *mailops.Doveadm
}

func newDoveadmHost(t *testing.T) *doveadmHost {
	t.Helper()
	h := &doveadmHost{Dovecot: dovetest.New(t)}
	if err := os.WriteFile(h.Config(), []byte(strings.ReplaceAll(doveadmConf, "MAIL", h.Mail)), 0o644); err != nil {
		t.Fatal(err)
	}
	h.Start(dovetest.Settings{APIKey: apiKey})
	h.carrier = &mailops.Doveadm{API: mailops.API{URL: h.DoveadmURL(), Key: apiKey}, Root: h.Mail, Depth: 2}
	return h
}

// do carries an operation out; what came of it has the folder of mail as "~".
func (h *doveadmHost) do(t *testing.T, op *mailops.Operation, facts mailops.Facts, dry bool) string {
	t.Helper()
	s, err := h.carrier.Open(t.Context())
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	op.ID = 1
	text, err := s.Carry(t.Context(), op, facts, dry)
	if err != nil {
		text = err.Error()
	}
	return strings.ReplaceAll(text, h.Mail, "~")
}

func (h *doveadmHost) rename(from, to string) *mailops.Operation {
	local, domain, _ := strings.Cut(to, "@")
	oldLocal, oldDomain, _ := strings.Cut(from, "@")
	return &mailops.Operation{Kind: mailops.Rename, Argument: filepath.Join(h.Mail, oldDomain, oldLocal), MailboxID: 7, Address: to, Home: filepath.Join(h.Mail, domain, local)}
}

// sh prepares folders, which belong to the owner of mail then.
func (h *doveadmHost) sh(t *testing.T, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script+"; chown -hR 65534:65534 .")
	cmd.Dir = h.Mail
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// mail delivers messages.
func (h *doveadmHost) mail(t *testing.T, to string, subjects ...string) {
	t.Helper()
	for _, s := range subjects {
		if got := h.LMTP(t, dovetest.Message(s, 100), to)[to]; !strings.HasPrefix(got, "250 ") {
			t.Fatalf("LMTP: %s", got)
		}
	}
}

func (h *doveadmHost) subjects(t *testing.T, user string) []string {
	return (&movingHost{dovecotHost: &dovecotHost{Dovecot: h.Dovecot}}).subjects(t, user, "secret")
}

// TestDoveadm has a real Dovecot rename and remove.
func TestDoveadm(t *testing.T) {
	t.Parallel()
	h := newDoveadmHost(t)
	t.Run("rename", h.testRename)
	t.Run("rename, half done", h.testRenameAgain)
	t.Run("rename, refused", h.testRenameRefused)
	t.Run("delete", h.testDelete)
	t.Run("API", h.testAPI)
}

const copiedByDovecot = "copied by Dovecot, and the old home removed"

func (h *doveadmHost) testRename(t *testing.T) {
	h.mail(t, "ann@one.test", "a", "b")
	h.mail(t, "anna@two.test", "c") // there is mail: it is merged
	h.sh(t, "mkdir -p one.test/ann/sieve/x; echo keep > one.test/ann/sieve/x/own.sieve; ln -s sieve/x/own.sieve one.test/ann/.dovecot.sieve")
	op := h.rename("ann@one.test", "anna@two.test")
	if got, want := h.do(t, op, nobodyHas{}, true), "would be copied by Dovecot, and the old home removed"; got != want {
		t.Errorf("dry run: %s", got)
	}
	if got := h.do(t, op, nobodyHas{}, false); got != copiedByDovecot {
		t.Fatal(got)
	}
	if d := cmp.Diff([]string{"a", "b", "c"}, h.subjects(t, "anna@two.test")); d != "" {
		t.Errorf("mail (-want +got):\n%s", d)
	}
	if text := readFile(t, h.Mail+"/two.test/anna/.dovecot.sieve"); text != "keep\n" {
		t.Errorf("script: %q", text)
	}
	if _, err := os.Lstat(h.Mail + "/one.test/ann"); !os.IsNotExist(err) {
		t.Errorf("the old home: %v", err)
	}
	if got := h.do(t, op, nobodyHas{}, false); got != "there is no such folder" {
		t.Errorf("once more: %s", got)
	}
}

// testRenameAgain goes on from what a run left that was killed: mail and files
// are there twice.
func (h *doveadmHost) testRenameAgain(t *testing.T) {
	h.mail(t, "bob@one.test", "a", "b")
	h.sh(t, "mkdir -p one.test/bob/sieve; echo keep > one.test/bob/sieve/own.sieve")
	op := h.rename("bob@one.test", "rob@two.test")
	if out, status := h.Doveadm("sync", "-u", "rob@two.test", "-1", "-R", "-f", "maildir:"+h.Mail+"/one.test/bob/Maildir"); status != 0 {
		t.Fatal(out)
	}
	h.sh(t, "mkdir -p two.test/rob/sieve; ln one.test/bob/sieve/own.sieve two.test/rob/sieve/own.sieve")
	if got := h.do(t, op, nobodyHas{}, false); got != copiedByDovecot {
		t.Fatal(got)
	}
	if d := cmp.Diff([]string{"a", "b"}, h.subjects(t, "rob@two.test")); d != "" {
		t.Errorf("mail (-want +got):\n%s", d)
	}
	if text := readFile(t, h.Mail+"/two.test/rob/sieve/own.sieve"); text != "keep\n" {
		t.Errorf("script: %q", text)
	}
}

func (h *doveadmHost) testRenameRefused(t *testing.T) {
	h.mail(t, "cem@one.test", "a")
	h.mail(t, "cem@two.test", "b")
	h.sh(t, "echo one > one.test/cem/.dovecot.sieve; echo another > two.test/cem/.dovecot.sieve")
	op := h.rename("cem@one.test", "cem@two.test")
	if got, want := h.do(t, op, nobodyHas{}, false), "~/one.test/cem/.dovecot.sieve cannot be copied: there is another ~/two.test/cem/.dovecot.sieve"; got != want {
		t.Errorf("a script is there: %s", got)
	}
	if got := h.do(t, op, nobodyHas{owner: &mailops.Owner{Address: "cem@one.test"}}, false); !strings.Contains(got, "is the home of the mailbox cem@one.test") {
		t.Errorf("the home of another: %s", got)
	}
	op.Home = h.Mail + "/two.test/somewhere"
	if got, want := h.do(t, op, nobodyHas{}, false), "~/one.test/cem is to become ~/two.test/somewhere, and Dovecot has ~/two.test/cem as the home of cem@two.test"; got != want {
		t.Errorf("another home: %s", got)
	}
	if got := h.subjects(t, "cem@one.test"); len(got) != 1 {
		t.Errorf("the old mailbox has %q", got)
	}
}

func (h *doveadmHost) testDelete(t *testing.T) {
	h.mail(t, "gone@one.test", "a")
	h.mail(t, "stays@one.test", "b")
	h.sh(t, "ln -s ../stays one.test/gone/link; mkdir one.test/gone/empty")
	op := &mailops.Operation{Kind: mailops.Delete, Argument: h.Mail + "/one.test/gone"}
	if got := h.do(t, op, nobodyHas{owner: &mailops.Owner{Address: "gone@one.test"}}, false); !strings.Contains(got, "is the home of the mailbox") {
		t.Errorf("the home of a mailbox: %s", got)
	}
	for _, want := range []string{"removed", "there is no such folder"} {
		if got := h.do(t, op, nobodyHas{}, false); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := h.subjects(t, "stays@one.test"); len(got) != 1 {
		t.Errorf("the neighbour has %q", got)
	}
	for _, path := range []string{h.Mail, h.Mail + "/one.test", h.Mail + "/../x/y", "/etc/dovecot", h.Mail + "/one.test/stays/Maildir"} {
		if got := h.do(t, &mailops.Operation{Kind: mailops.Delete, Argument: path}, nobodyHas{}, false); got == "removed" || !strings.Contains(got, " is ") && !strings.Contains(got, " has ") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func (h *doveadmHost) testAPI(t *testing.T) {
	api := h.carrier.API
	c := h.IMAP(t)
	if got := c.Login("logged@one.test", "secret"); !strings.HasPrefix(got, "OK") {
		t.Fatal(got)
	}
	for range 2 { // the second time nobody is logged in
		if err := api.End(t.Context(), "logged@one.test"); err != nil {
			t.Error(err)
		}
	}
	if got, _ := c.Cmd("NOOP"); !strings.HasPrefix(got, "closed") {
		t.Errorf("the session goes on: %s", got)
	}
	if err := api.Forget(t.Context(), "logged@one.test"); err != nil {
		t.Error(err)
	}
	for _, wrong := range []mailops.API{{URL: api.URL, Key: "wrong"}, {URL: "http://" + mailtest.LoopbackAddrs(t, 1)[0], Key: apiKey}} {
		err := wrong.End(t.Context(), "x@one.test")
		var remedy interface{ Remedy() string }
		if err == nil || !errors.As(err, &remedy) || remedy.Remedy() == "" {
			t.Errorf("%s: %v", wrong.URL, err)
		}
	}
}

package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmapd/vmapd/admin/doctor"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// patient is a host that the doctor looks at.
type patient struct {
	binary string
	args   []string // of "vmapd doctor"
}

// emptyDatabase makes a database with tables.
func emptyDatabase(t *testing.T) (url string, d *db.DB) {
	t.Helper()
	url = dbtest.SQLite(t)
	d = dbtest.Open(t, url, db.Options{})
	if _, err := modoboa.Init(t.Context(), d, modoboa.InitOptions{}); err != nil {
		t.Fatal(err)
	}
	return url, d
}

// newPatient starts a vmapd over a database; config says the rest.
func newPatient(t *testing.T, binary, url, config string, sockets ...string) *patient {
	t.Helper()
	config = fmt.Sprintf("[database]\nurl = %q\n", url) + config
	startVmapd(t, binary, config).awaitSockets(t, sockets...)
	file := filepath.Join(t.TempDir(), "vmapd.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return &patient{binary, []string{"doctor", "-c", file, "-o", "state_dir=" + t.TempDir(), "--json"}}
}

// diagnose runs the doctor, which must exit with a status that fits.
func (p *patient) diagnose(t *testing.T, only string) []doctor.Finding {
	t.Helper()
	cmd := exec.Command(p.binary, append(slices.Clone(p.args), "--only", only)...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	status := 0
	if errors.As(err, &failed) {
		status = failed.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var list []doctor.Finding
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v exits %d and prints %s: %v", cmd.Args, status, out, err)
	}
	if want := map[bool]int{true: 0, false: 1}[doctor.Healthy(list)]; status != want {
		t.Errorf("exit status %d, want %d: %s", status, want, out)
	}
	return list
}

// finds runs the doctor and compares what it finds, without what is merely to
// know.
func (p *patient) finds(t *testing.T, only string, want ...string) []doctor.Finding {
	t.Helper()
	list := p.diagnose(t, only)
	var got []string
	for _, f := range list {
		if f.Level != doctor.Info {
			got = append(got, f.Check+" "+string(f.Level)+": "+f.Subject)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s\n%+v", diff, list)
	}
	return list
}

// TestDoctorOfPostfix wires a real Postfix well, and badly, and does what the
// findings say until nothing is left.
func TestDoctorOfPostfix(t *testing.T) {
	t.Parallel()
	mailtest.Require(t, "pgsql")
	binary := drill.Binary(t)
	p := mailtest.New(t, "doctor")
	// As "vmapd postconf" prints it, but for what a test's host has of its own.
	p.Start(mailtest.Config{Maps: socketMaps(), World: "[127.0.0.1]:9", Milters: "unix:private/vmapd-milter", Chroot: true})
	conf := filepath.Dir(p.WriteFile("empty", ""))
	socket, milter := filepath.Join(p.Private, "vmapd"), filepath.Join(p.Private, "vmapd-milter")
	listen := func(protocol, path, mode, group string) string {
		return fmt.Sprintf("[[listen]]\nprotocol = %q\naddress = \"unix:%s\"\nmode = %q\ngroup = %q\n", protocol, path, mode, group)
	}
	url, d := emptyDatabase(t)
	well := newPatient(t, binary, url, listen("socketmap", socket, "0660", "postfix")+listen("milter", milter, "0666", ""), socket, milter)
	well.args = append(well.args, "--postfix-config", conf)

	t.Run("well", func(t *testing.T) { well.finds(t, "postfix,sockets") })
	t.Run("by old names", func(t *testing.T) {
		setMaps(t, conf, socketMapsByOldNames())
		well.finds(t, "postfix")
	})
	t.Run("SQL maps", func(t *testing.T) {
		maps := mailtest.Maps{
			Domains: "pgsql:/etc/postfix/sql-domains.cf", DomainAliases: "proxy:pgsql:/etc/postfix/sql-domain-aliases.cf", Aliases: "hash:/etc/aliases, proxy:mysql:/etc/postfix/sql-aliases.cf",
			RelayDomains: "pgsql:/etc/postfix/sql-relaydomains.cf", Transport: []string{"pgsql:/x/sql-transport.cf", "pgsql:/x/sql-spliteddomains-transport.cf"},
			Maintain: "pgsql:/x/sql-maintain.cf", RelayRecipientVerification: "pgsql:/x/sql-relay-recipient-verification.cf", SenderLogin: "pgsql:/x/sql-sender-login-map.cf",
		}
		setMaps(t, conf, maps)
		list := well.finds(t, "postfix", "postfix-sql warning: relay_domains", "postfix-sql warning: smtpd_recipient_restrictions", "postfix-sql warning: smtpd_sender_login_maps",
			"postfix-sql warning: transport_maps", "postfix-sql warning: virtual_alias_domains", "postfix-sql warning: virtual_alias_maps", "postfix-sql warning: virtual_mailbox_domains")
		obey(t, conf, list)
		well.finds(t, "postfix")
		if got := postconf(t, conf, "-h", "virtual_alias_maps"); !strings.HasPrefix(got, "hash:/etc/aliases socketmap:") {
			t.Errorf("the map that vmapd does not replace is gone: %s", got)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		postconf(t, conf, "-X", "virtual_mailbox_domains", "virtual_alias_domains", "virtual_alias_maps", "relay_domains", "transport_maps", "smtpd_sender_login_maps",
			"smtpd_recipient_restrictions", "smtpd_milters", "non_smtpd_milters", "recipient_delimiter", "virtual_transport")
		list := well.finds(t, "postfix", "postfix-access warning: smtpd_recipient_restrictions", "postfix-delimiter error: recipient_delimiter", "postfix-map error: virtual_alias_maps",
			"postfix-map error: virtual_mailbox_domains", "postfix-map warning: relay_domains", "postfix-map warning: smtpd_sender_login_maps", "postfix-map warning: transport_maps",
			"postfix-map warning: virtual_alias_domains", "postfix-transport warning: virtual_transport", "postfix-unknown-users warning: virtual_mailbox_maps")
		obey(t, conf, list)
		well.finds(t, "postfix")
	})
	t.Run("absolute in a chroot", func(t *testing.T) {
		postconf(t, conf, "-e", "virtual_alias_maps = socketmap:unix:"+socket+":aliases", "relay_domains = proxy:socketmap:unix:private/vmapd:relay-domains",
			"smtpd_client_restrictions = check_client_access proxy:socketmap:unix:private/vmapd:domains", "proxy_read_maps = $relay_domains")
		obey(t, conf, well.finds(t, "postfix", "postfix-chroot error: virtual_alias_maps", "postfix-proxy error: smtpd_client_restrictions"))
		well.finds(t, "postfix")
	})
	t.Run("a domain that is local too", func(t *testing.T) {
		dbtest.Exec(t, d, "insert into admin_domain (id, name, enabled, enable_dkim) values (1, 'both.test', true, true)")
		postconf(t, conf, "-e", "mydestination = $myhostname, both.test, localhost", "smtpd_milters = ")
		obey(t, conf, well.finds(t, "postfix", "postfix-milter warning: smtpd_milters", "postfix-mydestination error: both.test"))
		well.finds(t, "postfix")
	})
	t.Run("sockets that keep Postfix out", func(t *testing.T) {
		closed := t.TempDir()
		shut := filepath.Join(closed, "s")
		ill := newPatient(t, binary, url, listen("socketmap", filepath.Join(p.Private, "ill"), "0600", "")+listen("milter", shut, "0666", ""), shut)
		ill.args = append(ill.args, "--postfix-config", conf)
		if err := os.Chmod(closed, 0o700); err != nil {
			t.Fatal(err)
		}
		ill.finds(t, "sockets", "socket-access error: "+shut, "socket-access error: "+filepath.Join(p.Private, "ill"))
	})
}

// setMaps changes the tables of an instance.
func setMaps(t *testing.T, conf string, m mailtest.Maps) {
	t.Helper()
	postconf(t, conf, "-e", "virtual_mailbox_domains="+m.Domains, "virtual_alias_domains="+m.DomainAliases, "virtual_alias_maps="+m.Aliases, "relay_domains="+m.RelayDomains,
		"transport_maps="+strings.Join(m.Transport, " "), "smtpd_sender_login_maps="+m.SenderLogin,
		"smtpd_recipient_restrictions=check_recipient_access "+m.Maintain+" "+m.RelayRecipientVerification+", permit_mynetworks, reject_unauth_destination, reject_unverified_recipient")
}

func postconf(t *testing.T, conf string, args ...string) string {
	t.Helper()
	out, err := exec.Command("postconf", append([]string{"-c", conf}, args...)...).Output()
	if err != nil {
		t.Fatalf("postconf %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// obey runs the commands of the remedies for Postfix.
func obey(t *testing.T, conf string, list []doctor.Finding) {
	t.Helper()
	for _, f := range list {
		command, _, _ := strings.Cut(f.Remedy, ", then postfix reload")
		rest, ok := strings.CutPrefix(command, "postconf ")
		if !ok {
			continue
		}
		if out, err := exec.Command("sh", "-c", "postconf -c "+conf+" "+rest).CombinedOutput(); err != nil {
			t.Errorf("%s: %v %s", command, err, out)
		}
	}
}

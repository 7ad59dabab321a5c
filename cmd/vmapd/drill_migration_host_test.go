//go:build drill

package main_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/store/db"
	"github.com/vmapd/vmapd/store/db/dbtest"
	"github.com/vmapd/vmapd/store/modoboa"
)

// migrationHost is a mail host as Modoboa's manual sets it up, and a vmapd that
// the guide will install beside it.
type migrationHost struct {
	*dovetest.Dovecot
	p       *mailtest.Postfix
	world   *mailtest.Sink
	zone    *zone
	db      *db.DB
	url     string
	dir     string // of what is neither Postfix's nor Dovecot's
	binary  string // vmapd
	record  string // of the key that signs home.test
	guide   guide
	paths   *strings.Replacer // from the guide's paths to this host's
	systemd *unitRunner
}

// newMigrationHost starts all that a host has before vmapd comes.
func newMigrationHost(t *testing.T, binary string) *migrationHost {
	t.Helper()
	peers.Need(t, missing("/usr/lib/opendbx/libpgsqlbackend.so.1", "libopendbx1-pgsql"))
	h := &migrationHost{
		Dovecot: dovetest.New(t), p: mailtest.New(t, "migration"), zone: newZone(t), binary: binary, guide: readGuide(t),
		world: mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"}),
	}
	var err error
	h.dir, err = os.MkdirTemp("", "migration-") // short: the path of a socket has 107 bytes at most
	must(t, err)
	must(t, os.Chmod(h.dir, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(h.dir) })
	for _, d := range []string{"bin", "etc", "keys", "run", "systemd"} {
		must(t, os.Mkdir(filepath.Join(h.dir, d), 0o755))
	}
	server := dbtest.NewPostgres(t)
	h.url = server.NewDatabase(t)
	h.fill(t)
	h.configureDovecot(t)
	milter := mailtest.LoopbackAddrs(t, 2)
	h.systemd = newUnitRunner(t, filepath.Join(h.dir, "bin"))
	h.addUnits(t, milter[0])
	h.setPaths(milter[1])
	h.systemd.start(t, "opendkim")
	own := &mailHost{database: h.url}
	h.p.Start(mailtest.Config{Maps: own.sqlMaps(t, h.p), Chroot: true, World: h.world.NextHop(), Milters: "inet:" + milter[0]})
	h.sh(t, "postconf -e milter_default_action=accept; postfix reload")
	h.Start(dovetest.Settings{More: "service imap-login {\n  process_min_avail = 2\n}\n"})
	return h
}

// missing says which package has a file that is not there.
func missing(file, pkg string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s is not installed: apt-get install %s", file, pkg)
	}
	return nil
}

// fill makes Modoboa's tables, its view and trigger, the accounts, and the key.
func (h *migrationHost) fill(t *testing.T) {
	t.Helper()
	h.db = dbtest.Open(t, h.url, db.Options{})
	_, err := modoboa.Init(t.Context(), h.db, modoboa.InitOptions{})
	must(t, err)
	// The manual's databases know nothing of vmapd.
	if out, err := exec.Command(h.binary, "db", "remove-triggers", "-o", "database.url="+h.url, "-o", "state_dir="+t.TempDir()).CombinedOutput(); err != nil {
		t.Fatalf("vmapd db remove-triggers: %v\n%s", err, out)
	}
	private, err := dkim.Generate(dkim.RSASHA256, 0)
	must(t, err)
	text, err := dkim.MarshalPrivate(private)
	must(t, err)
	key := filepath.Join(h.dir, "keys", "home.test.pem")
	must(t, os.WriteFile(key, text, 0o600))
	h.record = dkim.Record(private.Public())
	h.zone.publish("modoboa._domainkey.home.test", h.record)
	const rows = `domain;home.test;1000;100;yes
account;user@home.test;{PLAIN}secret;Ann;User;true;SimpleUsers;user@home.test;10
account;second@home.test;{PLAIN}secret;Bob;User;true;SimpleUsers;second@home.test;10
account;third@home.test;{PLAIN}secret;Cid;User;true;SimpleUsers;third@home.test;10
account;fourth@home.test;{PLAIN}secret;Dan;User;true;SimpleUsers;fourth@home.test;10
account;quiet@home.test;{PLAIN}secret;Eve;User;true;SimpleUsers;quiet@home.test;10
alias;team@home.test;true;second@home.test
`
	_, err = modoboa.ImportCSV(t.Context(), h.db, strings.NewReader(rows), modoboa.ImportOptions{})
	must(t, err)
	dbtest.Exec(t, h.db,
		fmt.Sprintf("UPDATE admin_domain SET enable_dkim = true, dkim_key_selector = 'modoboa', dkim_private_key_path = '%s', dkim_public_key = '%s'", key, dkim.PublicBase64(private.Public())),
		"CREATE VIEW dkim AS SELECT id, name AS domain_name, dkim_private_key_path AS private_key_path, dkim_key_selector AS selector FROM admin_domain WHERE enable_dkim",
	)
	dbtest.MergeQuota(t, h.db)
}

// configureDovecot writes /etc/dovecot.
func (h *migrationHost) configureDovecot(t *testing.T) {
	t.Helper()
	u, err := url.Parse(h.url)
	must(t, err)
	fill := strings.NewReplacer(
		"${connect}", fmt.Sprintf("host=%s port=%s user=%s dbname=%s", u.Hostname(), u.Port(), u.User.Username(), strings.TrimPrefix(u.Path, "/")),
		"${conf}", h.Conf, "${mail}", h.Mail, "${queue}", h.p.Queue(), "${owner}", fmt.Sprint(dovetest.Owner), "${url}", h.url,
	)
	must(t, os.Mkdir(filepath.Join(h.Conf, "conf.d"), 0o755))
	for folder, pattern := range map[string]string{"": "testdata/dovecot/sql*.conf.ext", "conf.d": "testdata/migration/conf.d/*", ".": "testdata/migration/[dp]*o*.*"} {
		files, err := filepath.Glob(pattern)
		must(t, err)
		for _, file := range files {
			must(t, os.WriteFile(filepath.Join(h.Conf, folder, filepath.Base(file)), []byte(fill.Replace(readFile(t, file))), 0o755))
		}
	}
}

// addUnits says what systemd starts here.
func (h *migrationHost) addUnits(t *testing.T, milter string) {
	t.Helper()
	u, err := url.Parse(h.url)
	must(t, err)
	host, port, _ := net.SplitHostPort(milter)
	conf := filepath.Join(h.dir, "opendkim.conf")
	must(t, os.WriteFile(conf, []byte(strings.NewReplacer("${host}", host, "${port}", port, "${dir}", h.dir, "${user}", u.User.Username(),
		"${dbhost}", u.Hostname(), "${dbport}", u.Port(), "${dbname}", strings.TrimPrefix(u.Path, "/")).Replace(readFile(t, "testdata/migration/opendkim.conf"))), 0o644))
	h.systemd.units["opendkim"] = &unit{
		log: filepath.Join(h.dir, "opendkim.log"), command: []string{peers.Program(t, "opendkim", "opendkim"), "-f", "-x", conf},
		ready: func() bool { c, err := net.Dial("tcp", milter); return err == nil && c.Close() == nil },
	}
	maps := filepath.Join(h.p.Queue(), "vmapd", "maps")
	h.systemd.units["vmapd"] = &unit{
		log: filepath.Join(h.dir, "vmapd.log"), command: []string{h.binary, "serve", "-c", filepath.Join(h.dir, "etc", "vmapd.toml")},
		ready: func() bool {
			return listening(maps) && exec.Command(filepath.Join(h.dir, "bin", "vmapd"), "status").Run() == nil
		},
	}
	wrapper := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\" -c '%s/etc/vmapd.toml'\n", h.binary, h.dir)
	must(t, os.WriteFile(filepath.Join(h.dir, "bin", "vmapd"), []byte(wrapper), 0o755))
}

// setPaths says where on this host is what the guide names.
func (h *migrationHost) setPaths(web string) {
	h.paths = strings.NewReplacer(
		"/etc/postfix", h.p.Conf(), "/var/spool/postfix", h.p.Queue(), "/var/log/mail.log", h.p.LogFile,
		"/etc/dovecot", h.Conf, "/srv/vmail", h.Mail, "uid = 5000", fmt.Sprintf("uid = %d", dovetest.Owner), "gid = 5000", fmt.Sprintf("gid = %d", dovetest.Owner),
		`group = "vmail"`, `group = "nogroup"`,
		"/etc/vmapd", h.dir+"/etc", "/var/lib/vmapd", h.dir+"/state", "/run/vmapd", h.dir+"/run", "/var/backups/vmapd", h.dir+"/before",
		"-g vmapd", "-g root", "-o vmapd", "-o root", "/etc/systemd/system", h.dir+"/systemd",
		"/etc/opendkim.conf", h.dir+"/opendkim.conf", `key_dir = "/var/lib/dkim"`, fmt.Sprintf("key_dir = %q\nresolvers = [%q]", h.dir+"/keys", h.zone.address), "/var/lib/dkim", h.dir+"/keys",
		"postgres://modoboa@127.0.0.1/modoboa", h.url, "psql modoboa", "psql -q -v ON_ERROR_STOP=1 "+h.url, "127.0.0.1:8025", web,
		"user@example.com", "user@home.test", "/usr/local/sbin", h.dir+"/bin",
	)
}

// run runs a block of the guide.
func (h *migrationHost) run(t *testing.T, name string) {
	t.Helper()
	script, ok := h.guide[name]
	if !ok {
		t.Fatalf("the guide has no block %q", name)
	}
	began := time.Now()
	out := h.sh(t, h.paths.Replace(script))
	t.Logf("%s (%v):\n%s", name, time.Since(began).Round(time.Millisecond), out)
}

// sh runs commands as root would on this host.
func (h *migrationHost) sh(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-eu")
	cmd.Stdin = strings.NewReader(script)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), "PATH="+h.dir+"/bin:"+os.Getenv("PATH"), "MAIL_CONFIG="+h.p.Conf(), "CONFIG_FILE="+h.Config())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
	return string(out)
}

// awaitLogins waits until everybody's last login is later than a moment.
func (h *migrationHost) awaitLogins(t *testing.T, moment time.Time, when string) {
	t.Helper()
	drill.Await(t, 30*time.Second, when+": last logins advance", func() bool {
		var n int
		must(t, h.db.QueryRowContext(t.Context(), "SELECT count(*) FROM core_user WHERE username IN ('user@home.test', 'second@home.test', 'third@home.test', 'fourth@home.test') AND last_login > $1", moment).Scan(&n))
		return n == 4
	})
}

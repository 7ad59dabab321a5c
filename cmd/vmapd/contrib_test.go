package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/internal/peers"
)

var updateContrib = flag.Bool("update-contrib", false, "write contrib/postfix again")

// TestContribPostfix: the lines are what the program prints for the
// configuration beside them, and Postfix reads them.
func TestContribPostfix(t *testing.T) {
	configs, err := filepath.Glob("../../contrib/postfix/*/vmapd.toml")
	if err != nil || len(configs) < 3 {
		t.Fatalf("%d configurations: %v", len(configs), err)
	}
	for _, config := range configs {
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		// The user postfix need not be on this machine.
		here := filepath.Join(t.TempDir(), "vmapd.toml")
		if err := os.WriteFile(here, regexp.MustCompile(`(?m)^(owner|group) = .*\n`).ReplaceAll(text, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := (&app{out: &out, err: t.Output()}).run([]string{"postconf", "-c", here, "--queue-directory", "/var/spool/postfix"}); code != 0 {
			t.Fatalf("%s: exit status %d", config, code)
		}
		file := filepath.Join(filepath.Dir(config), "main.cf")
		if *updateContrib {
			if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, out.Bytes()) {
			t.Errorf("%s is not what vmapd postconf prints (%v): run make generate", file, err)
		}
		dir := t.TempDir()
		for name, text := range map[string][]byte{"main.cf": out.Bytes(), "master.cf": nil} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		said, err := exec.Command(peers.Program(t, "postconf", "postfix"), "-c", dir, "-n").CombinedOutput()
		if err != nil || strings.Contains(string(said), "warning") {
			t.Errorf("%s: postconf: %v\n%s", file, err, said)
		}
	}
}

// TestContribAlerts has promtool check the alerts and run their unit tests, each
// of which must be for good and for bad days.
func TestContribAlerts(t *testing.T) {
	program := peers.Program(t, "promtool", "prometheus")
	const dir = "../../contrib/prometheus/"
	for _, args := range [][]string{{"check", "rules", dir + "alerts.yml"}, {"test", "rules", dir + "alerts_test.yml"}} {
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	rules, err := os.ReadFile(dir + "alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(dir + "alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllSubmatch(rules, -1) {
		for _, form := range []string{"alertname: %s,", `alertname="%s"`} {
			if want := fmt.Sprintf(form, m[1]); !bytes.Contains(tests, []byte(want)) {
				t.Errorf("alerts_test.yml lacks %s", want)
			}
		}
	}
}

// TestContribDashboard: every panel asks something, and no two have one number.
func TestContribDashboard(t *testing.T) {
	text, err := os.ReadFile("../../contrib/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Targets) == 0 || ids[p.ID] {
			t.Errorf("panel %d, %q: %d questions", p.ID, p.Title, len(p.Targets))
		}
		ids[p.ID] = true
	}
	if len(ids) < 10 {
		t.Errorf("%d panels", len(ids))
	}
}

// TestContribAppArmor has AppArmor's parser compile the profile.
func TestContribAppArmor(t *testing.T) {
	out, err := exec.Command(peers.Program(t, "apparmor_parser", "apparmor"), "--skip-kernel-load", "--skip-cache", "../../contrib/apparmor/vmapd").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestContribAnsible has Ansible read the playbook and the role, where it is
// installed.
func TestContribAnsible(t *testing.T) {
	program, err := exec.LookPath("ansible-playbook")
	if err != nil {
		t.Skip("Ansible is not installed: apt-get install --no-install-recommends ansible-core")
	}
	if out, err := exec.Command(program, "--syntax-check", "-i", "localhost,", "../../contrib/ansible/playbook.yml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	template, err := os.ReadFile("../../contrib/ansible/roles/vmapd/templates/vmapd.toml.j2")
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^(group|password_file) = .*\n|\{%.*%\}\n`).ReplaceAllString(string(template), "")
	text = strings.NewReplacer("{{ vmapd_database_url }}", "postgres://localhost/modoboa", "{{ vmapd_mail_home }}", "/srv/vmail/%d/%n", "{{ vmapd_mail_uid }}", "5000", "{{ vmapd_mail_gid }}", "5000").Replace(text)
	file := filepath.Join(t.TempDir(), "vmapd.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.Load(file, nil); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestContribUnit holds the service to 2.0 of systemd's scale of exposure, and
// to settings that Debian 12's systemd knows.
func TestContribUnit(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd is not installed")
	}
	out, err := exec.Command(program, "security", "--offline=true", "--threshold=20", "--no-pager", "../../contrib/systemd/vmapd.service").CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("ignoring")) {
		t.Errorf("%v\n%s", err, out)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/daemon"
	"github.com/vmapd/vmapd/dkim/opendkim"
)

// importOpenDKIM runs the command by itself.
func importOpenDKIM(t *testing.T, asJSON bool, file string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, json: asJSON}
	cmd := a.dkimImportCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{file})
	var e *exit
	if err := cmd.Execute(); errors.As(err, &e) {
		return out.String(), errs.String() + e.Error(), e.code
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

// TestImportOpenDKIM: what is printed for Modoboa's configuration is a
// configuration of vmapd.
func TestImportOpenDKIM(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STATE_DIRECTORY", dir)
	conf := filepath.Join(dir, "opendkim.conf")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "hosts"), "127.0.0.1\n::1\nlocalhost\n")
	write(conf, `Canonicalization relaxed/relaxed
SubDomains yes
OversignHeaders From
InternalHosts `+dir+`/hosts
KeyTable dsn:pgsql://modoboa:s3cret@127.0.0.1/modoboa/table=dkim?keycol=id?datacol=domain_name,selector,private_key_path
SigningTable dsn:pgsql://modoboa:s3cret@127.0.0.1/modoboa/table=dkim?keycol=domain_name?datacol=id
MTA ORIGINATING
Nameservers 192.0.2.53
`)
	out, errs, code := importOpenDKIM(t, false, conf)
	if code != 0 || errs != "" {
		t.Errorf("status %d: %s", code, errs)
	}
	file := filepath.Join(dir, "vmapd.toml")
	write(file, out)
	c, err := daemon.Load(file, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if c.DKIM.Headers != "compat" || strings.Join(c.DKIM.Networks, " ") != "127.0.0.1/32 ::1/128 127.0.0.0/8" || strings.Join(c.DKIM.DaemonNames, " ") != "ORIGINATING" ||
		strings.Join(c.DKIM.Resolvers, " ") != "192.0.2.53" || c.Database.URL != "postgres://modoboa@127.0.0.1/modoboa" {
		t.Errorf("got %+v %+v", c.DKIM, c.Database)
	}
	asJSON, _, code := importOpenDKIM(t, true, conf)
	var plan opendkim.Plan
	if err := json.Unmarshal([]byte(asJSON), &plan); err != nil || code != 0 || plan.TOML == "" || !strings.HasSuffix(out, plan.TOML) || len(plan.Settings) != 8 {
		t.Errorf("status %d, %v\n%s", code, err, asJSON)
	}
	if strings.Contains(out+asJSON, "s3cret") {
		t.Error("the password is shown")
	}

	write(conf, "Socket local:/run/opendkim.sock\nCanonicalisation simple\n")
	out, errs, code = importOpenDKIM(t, false, conf)
	if want := conf + ":2: there is no option Canonicalisation\n" + conf + ": 1 problem(s)"; code != exitNo || errs != want {
		t.Errorf("status %d %q, want %q", code, errs, want)
	}
	if !strings.Contains(out, `address = "unix:/run/opendkim.sock"`) {
		t.Errorf("the rest is not told:\n%s", out)
	}
	if _, errs, code := importOpenDKIM(t, false, dir+"/none"); code != exitUsage || !strings.Contains(errs, "no such file") {
		t.Errorf("no file: status %d %q", code, errs)
	}
}

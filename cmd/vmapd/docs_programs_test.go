package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/internal/peers"
)

// checkJSON: it is JSON.
func checkJSON(t *testing.T, b block) {
	var v any
	if err := json.Unmarshal([]byte(b.text), &v); err != nil {
		t.Error(err)
	}
}

// checkPython has Python compute the expression that judges the signature of a
// webhook: it is true for one that is right, and for no other.
func checkPython(t *testing.T, b block) {
	program := peers.Program(t, "python3", "python3")
	mac := hmac.New(sha256.New, []byte("a secret"))
	mac.Write([]byte("a body"))
	for secret, want := range map[string]string{"a secret": "True\n", "another": "False\n"} {
		script := fmt.Sprintf("import hashlib, hmac\nheader = 'sha256=%s'\nsecret = b'%s'\nbody = b'a body'\nprint(%s)\n", hex.EncodeToString(mac.Sum(nil)), secret, strings.TrimSpace(b.text))
		if out, err := exec.Command(program, "-c", script).CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%v: %s, want %s\n%s", err, out, want, script)
		}
	}
}

// checkNginx has nginx read a part of a server.
func checkNginx(t *testing.T, b block) {
	dir := t.TempDir()
	file := filepath.Join(dir, "nginx.conf")
	write(t, file, fmt.Sprintf("pid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;\nserver {\nlisten unix:%[1]s/socket;\n%s}\n}\n", dir, b.text))
	if out, err := exec.Command(peers.Program(t, "nginx", "nginx-light"), "-t", "-p", dir, "-c", file).CombinedOutput(); err != nil || strings.Contains(string(out), "[warn]") {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkPrometheus has promtool read a configuration of Prometheus.
func checkPrometheus(t *testing.T, b block) {
	file := filepath.Join(t.TempDir(), "prometheus.yml")
	write(t, file, b.text)
	if out, err := exec.Command(peers.Program(t, "promtool", "prometheus"), "check", "config", file).CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkText: a drawing or a form, with nothing in it that a program should
// check.
func checkText(t *testing.T, b block) {
	for line := range strings.Lines(b.text) {
		if strings.HasPrefix(line, "vmapd ") || strings.Contains(line, " = ") {
			t.Errorf("%q is something else than text", line)
		}
	}
}

// checkShell has a shell read commands.
func checkShell(t *testing.T, b block) {
	cmd := exec.Command("sh", "-n")
	cmd.Stdin = strings.NewReader(b.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// checkConsole: each line is a command after "$ ", or what one prints.
func checkConsole(t *testing.T, b block) {
	if !strings.HasPrefix(b.text, "$ ") {
		t.Error("it does not begin with a command: $ ...")
	}
}

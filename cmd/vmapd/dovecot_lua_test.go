package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/cmd/vmapd/internal/dovetest"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/drill"
	"github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"
	"github.com/vmapd/vmapd/internal/peers"
	"github.com/vmapd/vmapd/store/db/dbtest"
)

// TestDovecotLua has Dovecot's own auth service ask with the script of
// contrib/lua: its clients see what they see on the other routes.
func TestDovecotLua(t *testing.T) {
	t.Parallel()
	dovetest.Require(t)
	for pattern, debian := range map[string]string{
		"/usr/lib/dovecot/modules/auth/libauthdb_lua.so": "dovecot-auth-lua", "/usr/lib/*/lua/5.4/socket/unix.so": "lua-socket",
	} {
		if found, _ := filepath.Glob(pattern); len(found) == 0 {
			peers.Need(t, fmt.Errorf("there is no %s: apt-get install --no-install-recommends %s", pattern, debian))
		}
	}
	binary := drill.Binary(t)
	t.Run("accounts", func(t *testing.T) {
		url := dbtest.SQLite(t)
		fillLogins(t, url)
		h := newDovecotHost(t, binary, "dict", url, "")
		h.useLua(t)
		h.start(t)
		t.Run("logins", h.testLogins)
		t.Run("master", h.testMasterUser)
		t.Run("mail", h.testMail)
		t.Run("doveadm", h.testDoveadm)
		t.Run("changes", h.testChanges)
	})
	t.Run("nothing loaded", func(t *testing.T) {
		h := newDovecotHost(t, binary, "dict", "postgres://nobody@"+mailtest.LoopbackAddrs(t, 1)[0]+"/none", "[lookup]\nhold = \"100ms\"\n")
		h.useLua(t)
		h.v.Start(t)
		h.Start(dovetest.Settings{Submission: true})
		h.testNothingLoaded(t)
	})
}

// useLua puts the blocks of contrib/lua/README.md in place of the dict's.
func (h *dovecotHost) useLua(t *testing.T) {
	t.Helper()
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(h.Conf, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	readme := regexp.MustCompile("(?s)```dovecot\n(.*?) *```").FindStringSubmatch(read("../../contrib/lua/README.md"))
	config := regexp.MustCompile(`(?ms)^(passdb|userdb) \{\n.*?^\}\n`).ReplaceAllString(read(h.Config()), "")
	script := filepath.Join(h.Conf, "vmapd.lua")
	write("dovecot.conf", strings.Replace(config, "!include_try", strings.ReplaceAll(readme[1], "/etc/dovecot/vmapd.lua", script)+"\n!include_try", 1))
	write("vmapd.lua", strings.Replace(read("../../contrib/lua/vmapd.lua"), "/run/vmapd/dict", h.socket("dict"), 1))
}

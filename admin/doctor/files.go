package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

func checkStateDir() Check {
	return Check{
		Name: "state-dir", Group: "files",
		Text: "The state folder, or a file in it, that others may read or change, or that belongs to another user than the one who runs vmapd. It holds password hashes and what Dovecot was told is safe.",
		Do:   "chown and chmod, as the finding says.",
		look: look{host: func(r *run, h *Host) {
			if h.Files != nil {
				r.lookStateDir(h.Files)
			}
		}},
	}
}

func (r *run) lookStateDir(f *Files) {
	st, err := os.Stat(f.StateDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.say(Error, f.StateDir, fmt.Sprintf("install -d -o vmapd -g vmapd -m 0750 %s, or set StateDirectory=vmapd in the systemd unit", f.StateDir), "the state folder does not exist")
		return
	case err != nil:
		r.say(Info, f.StateDir, "run vmapd doctor as root", "the state folder cannot be looked at: %v", err)
		return
	case st.Mode().Perm()&0o002 != 0:
		r.say(Error, f.StateDir, "chmod 0750 "+f.StateDir, "everybody may put files into the state folder (%s)", describe(st))
	}
	r.lookOwner(f, f.StateDir, st)
	entries, err := os.ReadDir(f.StateDir)
	if err != nil {
		r.say(Info, f.StateDir, "run vmapd doctor as root", "the files in the state folder cannot be looked at: %v", err)
		return
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		path := filepath.Join(f.StateDir, e.Name())
		if bits := st.Mode().Perm() & 0o006; bits != 0 && shut(f.StateDir) == "" {
			r.say(Error, path, "chmod o-rwx "+path, "everybody may %s the file (%s), which holds passwords or what is not in the database yet", readOrChange(bits), describe(st))
		}
		r.lookOwner(f, path, st)
	}
}

func readOrChange(bits fs.FileMode) string {
	if bits&0o002 != 0 {
		return "change"
	}
	return "read"
}

// shut names a folder, a path itself or one above it, that others may not enter,
// "" if there is none: modes below it do not matter to them then.
func shut(path string) string {
	for _, dir := range append(foldersAbove(path), path) {
		if st, err := os.Stat(dir); err == nil && st.IsDir() && st.Mode().Perm()&0o001 == 0 {
			return dir
		}
	}
	return ""
}

// lookOwner wants a file to belong to who runs vmapd.
func (r *run) lookOwner(f *Files, path string, st fs.FileInfo) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || f.UID <= 0 || int(sys.Uid) == f.UID {
		return
	}
	name := userName(f.UID)
	r.say(Error, path, fmt.Sprintf("chown %s %s", name, path), "vmapd runs as %s, but this belongs to %s: it may not be written", name, userName(int(sys.Uid)))
}

func checkKeyFiles() Check {
	return Check{
		Name: "key-files", Group: "files",
		Text: "Private DKIM keys that everybody may read or change, with which anybody on this machine can sign in the domain's name, and keys that vmapd may not read. It uses neither.",
		Do:   "chmod and chown, as the finding says; after a key was readable by others, make another one (vmapd dkim rotate).",
		look: look{host: func(r *run, h *Host) {
			if h.Files != nil {
				r.lookKeyFiles(h.Files)
			}
		}},
	}
}

func (r *run) lookKeyFiles(f *Files) {
	err := filepath.WalkDir(f.KeyDir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if r.stop() {
			return r.ctx.Err()
		}
		if !e.Type().IsRegular() || !strings.HasSuffix(path, ".pem") && !strings.HasSuffix(path, ".key") && !strings.HasSuffix(path, ".private") {
			return nil
		}
		if st, err := e.Info(); err == nil {
			r.lookKeyFile(f, path, st)
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist): // no key was made: dkim-key tells of those that are missing
	case errors.Is(err, fs.ErrPermission):
		r.say(Info, f.KeyDir, "run vmapd doctor as root", "the keys cannot be looked at: %v", err)
	}
}

func (r *run) lookKeyFile(f *Files, path string, st fs.FileInfo) {
	if bits := st.Mode().Perm() & 0o006; bits != 0 {
		r.say(Error, path, fmt.Sprintf("chmod o-rwx %s; if others have accounts on this machine, make another key too (vmapd dkim rotate DOMAIN)", path),
			"everybody may %s the private key (%s): vmapd does not use it", readOrChange(bits), describe(st))
		return
	}
	runner := Client{Name: userName(f.UID), UID: f.UID, GIDs: groupsOf(f.UID)}
	if f.UID > 0 && !runner.may(st, path, 0o4) {
		r.say(Error, path, fmt.Sprintf("chown %s %s", runner.Name, path), "vmapd runs as %s, which may not read the key (%s)", runner.Name, describe(st))
	}
}

package daemon

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/vmapd/vmapd/admin/mailops"
)

// Mailboxes is the section [mailboxes].
type Mailboxes struct {
	Root    string   `toml:"root" comment:"Folder of all mail: folders of mailboxes are renamed and removed as Modoboa orders it (admin_mailboxoperation), below this folder alone. Empty: never. Switch Modoboa's own job off (modo handle_mailbox_operations, or its worker for the queue dovecot)."`
	Mode    string   `toml:"mode" comment:"files: vmapd does it itself, which takes the owner of the mail: the daemon does it if it runs as that user, else let that user run vmapd mailbox-operations. doveadm: Dovecot does it, by doveadm's HTTP API."`
	Every   Duration `toml:"every" comment:"How often the daemon looks for operations. Mail for a mailbox that is being renamed is put off until then. 0s: only vmapd mailbox-operations carries them out."`
	URL     string   `toml:"doveadm_url" comment:"doveadm's HTTP API, such as http://127.0.0.1:8080. With mode files it is used, if given, to end the sessions of a mailbox that is renamed, and to have Dovecot forget what it knows of it."`
	KeyFile string   `toml:"doveadm_key_file" comment:"File with doveadm_api_key alone."`
	Mail    string   `toml:"doveadm_mail" comment:"mode doveadm: mail_location of Dovecot, such as maildir:~/Maildir. Empty: Dovecot says it (2.3)."`
	FS      string   `toml:"doveadm_fs" comment:"mode doveadm with Dovecot 2.4: name of a block \"fs\" of its configuration by which files are reached (fs_driver = posix, with directories)."`

	key  string           // from KeyFile
	mail mailops.Location // Mail, parsed
}

func defaultMailboxes() Mailboxes {
	return Mailboxes{Mode: "files", Every: Duration(60e9)}
}

// depth is how many folders below Root a home lies, 0 if it does not.
func (m *Mailboxes) depth(home string) int {
	below, err := filepath.Rel(m.Root, filepath.Clean(home))
	if err != nil || !filepath.IsLocal(below) || below == "." {
		return 0
	}
	return strings.Count(below, "/") + 1
}

func (k *checker) mailboxes() {
	m := &k.c.Mailboxes
	k.oneOf("mailboxes.mode", m.Mode, "files", "doveadm")
	if m.Every > 0 && m.Every.D().Seconds() < 1 {
		k.fail("mailboxes.every", "%s is too often: at least 1s, or 0s for never", m.Every)
	}
	if m.Root == "" {
		return
	}
	k.absolute("mailboxes.root", m.Root)
	if filepath.Clean(m.Root) == "/" {
		k.fail("mailboxes.root", "everything is below /: name the folder of all mail")
	} else if m.depth(k.c.Dovecot.Home) == 0 {
		k.fail("mailboxes.root", "%s does not hold the homes of mailboxes, which dovecot.home says are %s", m.Root, k.c.Dovecot.Home)
	}
	k.doveadm(m)
}

func (k *checker) doveadm(m *Mailboxes) {
	if m.URL == "" {
		if m.Mode == "doveadm" {
			k.fail("mailboxes.doveadm_url", "mode doveadm needs the address of doveadm's HTTP API")
		}
		return
	}
	u, err := url.Parse(m.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		k.fail("mailboxes.doveadm_url", "want http://host:port")
	}
	if m.Mail != "" {
		if m.mail, err = mailops.ParseLocation(m.Mail); err != nil {
			k.fail("mailboxes.doveadm_mail", "%v", err)
		}
	}
	if m.KeyFile == "" {
		k.fail("mailboxes.doveadm_key_file", "doveadm_url needs a file with doveadm_api_key")
		return
	}
	k.absolute("mailboxes.doveadm_key_file", m.KeyFile)
	text, err := os.ReadFile(m.KeyFile)
	if err != nil {
		k.fail("mailboxes.doveadm_key_file", "%v: the user that runs vmapd must be able to read it", err)
		return
	}
	if m.key = strings.TrimSpace(string(text)); m.key == "" {
		k.fail("mailboxes.doveadm_key_file", "%s is empty", m.KeyFile)
	}
	if worldReadable(m.KeyFile) {
		k.warn("mailboxes.doveadm_key_file", "every user can read %s, and with the key do with all mail what he likes: chmod 0640", m.KeyFile)
	}
}

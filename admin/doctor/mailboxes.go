package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// MailRoot is the folder of all mail, below which folders of mailboxes are
// renamed and removed.
type MailRoot struct {
	Path   string
	Daemon bool // the daemon does it itself, on the files
}

// Operations are those on folders of mailboxes, as the daemon knows them.
type Operations struct {
	Pending int
	Oldest  time.Duration // since the oldest was seen first
	Error   string        // why none is carried out
	Failed  []FailedOperation
}

// FailedOperation is one that cannot be carried out.
type FailedOperation struct{ Path, Problem, Remedy string }

// oldOperation is the age from which an operation is called old: they are looked
// for each minute.
const oldOperation = time.Hour

func checkOperations() Check {
	return Check{
		Name: "mailbox-operations", Group: "daemon",
		Text: "Folders of mailboxes that are to be renamed or removed, and are not: vmapd cannot do it, or has not done it within an hour. Mail for a mailbox that is to be renamed is put off meanwhile (450).",
		Do:   "What the finding says; \"vmapd mailbox-operations --dry-run\", run by the owner of the mail, looks again.",
		look: ofDaemon(func(r *run, d *Daemon) {
			o := d.Operations
			if o == nil {
				return
			}
			const remedy = "have the owner of the mail run \"vmapd mailbox-operations\", which says what is wrong"
			if o.Error != "" {
				r.say(Error, "mailbox operations", remedy, "none can be carried out: %s", o.Error)
			}
			for _, f := range o.Failed {
				r.say(Error, f.Path, f.Remedy, "%s", f.Problem)
			}
			if o.Oldest >= oldOperation {
				r.say(Warning, "mailbox operations", remedy, "%d wait, the oldest for %s at least", o.Pending, o.Oldest.Round(time.Minute))
			}
		}),
	}
}

func checkMailRoot() Check {
	return Check{
		Name: "mail-root", Group: "files",
		Text: "The folder of all mail (mailboxes.root) does not exist, everybody may write to it, or it belongs to another user than the one who is to rename and remove folders in it.",
		Do:   "Correct mailboxes.root, or have the owner of the mail do it: mailboxes.every = \"0s\", and a timer that runs vmapd mailbox-operations as that user.",
		look: look{host: func(r *run, h *Host) {
			if h.Files != nil && h.Files.Mail != nil {
				r.lookMailRoot(h.Files)
			}
		}},
	}
}

func (r *run) lookMailRoot(f *Files) {
	m := f.Mail
	st, err := os.Stat(m.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.say(Error, m.Path, "correct mailboxes.root", "the folder of all mail does not exist")
		return
	case err != nil:
		r.say(Info, m.Path, "run vmapd doctor as root", "the folder of all mail cannot be looked at: %v", err)
		return
	case !st.IsDir():
		r.say(Error, m.Path, "correct mailboxes.root", "the folder of all mail is no folder")
		return
	case st.Mode().Perm()&0o002 != 0 && st.Mode()&fs.ModeSticky == 0:
		r.say(Error, m.Path, "chmod o-w "+m.Path, "everybody may put folders among those of mailboxes (%s)", describe(st))
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !m.Daemon || f.UID < 0 || int(sys.Uid) == f.UID {
		return
	}
	owner := userName(int(sys.Uid))
	r.say(Error, m.Path, fmt.Sprintf("set mailboxes.every = \"0s\", and have %s run \"vmapd mailbox-operations\" by a timer", owner),
		"the daemon runs as %s, and the mail belongs to %s: it cannot rename and remove folders", userName(f.UID), owner)
}

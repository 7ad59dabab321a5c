package login

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// noPassword fits nothing.
const noPassword = "{CRYPT}*"

// WritePasswdFile writes all users in the form of Dovecot's passwd-file
// (user:password:uid:gid::home::fields), for a Dovecot that is to go on without
// this program. It returns how many, and which addresses and homes cannot be
// written there.
//
// The file cannot tell services apart. Who may not log in has a password that
// fits nothing, and mail still reaches him. A mailbox that is for sending only
// has the field nologin: Dovecot refuses IMAP and POP3, and SASL works; LMTP
// would deliver.
func (o *Options) WritePasswdFile(w io.Writer, s *store.Snapshot) (n int, left []string, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	for m := range s.Mailboxes() {
		u, ok := o.user(&m)
		if !ok || strings.ContainsAny(u.Name, ": \t") || strings.ContainsAny(u.Home, ":\n\r") {
			left = append(left, m.Address)
			continue
		}
		a, _ := s.AccountByID(m.AccountID)
		hash := a.Password
		if hash == "" || strings.ContainsAny(hash, ":\n\r") || s.LoginRefusal(&a, "smtp") != "" || a.Email != m.Address {
			hash = noPassword
		}
		fmt.Fprintf(out, "%s:%s:%d:%d::%s::userdb_quota_rule=%s userdb_quota_storage_size=%s",
			u.Name, hash, u.UID, u.GID, u.Home, u.AppendQuotaRule(nil), u.AppendQuotaSize(nil))
		if m.SendOnly {
			out.WriteString(" nologin reason=This_mailbox_is_for_sending_only")
		}
		if err := out.WriteByte('\n'); err != nil {
			return n, left, err
		}
		n++
	}
	return n, left, out.Flush()
}

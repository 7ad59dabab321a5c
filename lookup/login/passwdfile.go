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
// has the field nologin: Dovecot refuses IMAP, POP3, ManageSieve and its own
// submission service, and Postfix's SASL works; LMTP delivers.
//
// A name with a quote or a backslash is there twice. Dovecot looks for it with
// backslashes before these characters (auth/db-passwd-file.c expands
// username_format with auth_request_str_escape, in 2.3 and 2.4), and lists it
// with "doveadm user" as it is written.
func (o *Options) WritePasswdFile(w io.Writer, s *store.Snapshot) (n int, left []string, err error) {
	out := bufio.NewWriterSize(w, 1<<16)
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`)
	for m := range s.Mailboxes() {
		u, ok := o.user(m.Address, m.Quota)
		if !ok || strings.ContainsAny(u.Name, ": \t") || strings.ContainsAny(u.Home, ":\n\r") {
			left = append(left, m.Address)
			continue
		}
		a, _ := s.AccountByID(m.AccountID)
		hash := a.Password
		if hash == "" || strings.ContainsAny(hash, ":\n\r") || s.LoginRefusal(&a, "smtp") != "" || a.Email != m.Address {
			hash = noPassword
		}
		rest := fmt.Sprintf(":%s:%d:%d::%s::userdb_quota_rule=%s userdb_quota_storage_size=%s",
			hash, u.UID, u.GID, u.Home, u.AppendQuotaRule(nil), u.AppendQuotaSize(nil))
		if m.SendOnly {
			rest += " nologin reason=This_mailbox_is_for_sending_only"
		}
		if escaped := escape.Replace(u.Name); escaped != u.Name {
			fmt.Fprintf(out, "%s%s\n", escaped, rest)
		}
		if _, err := fmt.Fprintf(out, "%s%s\n", u.Name, rest); err != nil {
			return n, left, err
		}
		n++
	}
	return n, left, out.Flush()
}

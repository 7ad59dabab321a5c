package rules

import (
	"bytes"
	"strings"
	"unsafe"

	"github.com/vmapd/vmapd/lookup/sendlimit"
	"github.com/vmapd/vmapd/store"
)

// sender is who is charged. The names are strings of the snapshot, or views of
// the question's buffer.
type sender struct {
	account, domain           string // domain: "" if nobody knows
	accountLimit, domainLimit store.Limit
}

// senderOf finds out who sends, by the name with which the client has logged in.
// It appends to buf what the sender points into.
func senderOf(s *store.Snapshot, set *compiled, buf, username []byte) (sender, []byte) {
	buf = store.AppendFold(buf[:0], username)
	name := buf
	if sep := set.MasterSeparator; sep != "" {
		if user, master, ok := bytes.Cut(name, []byte(sep)); ok && len(user) > 0 && len(master) > 0 {
			name = user
		}
	}
	return find(s, view(name)), buf
}

// find finds an account by its address or its name, which is folded.
func find(s *store.Snapshot, name string) sender {
	if m, ok := s.Sender(name); ok {
		return sender{account: m.Address, domain: m.Domain, accountLimit: m.Limit, domainLimit: m.DomainLimit}
	}
	w := sender{account: name}
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		w.domain = name[at+1:]
		if d, ok := s.Domain(w.domain); ok {
			w.domain, w.domainLimit = d.Name, d.MessageLimit
		}
	}
	return w
}

// charge gives who is charged, and with what limits.
func (q *question) charge(exempt bool) []sendlimit.Limited {
	w := &q.sender
	if !exempt {
		n, has := w.accountLimit.Max()
		q.account = q.set.accounts.with(q.account[:0], n, has)
		n, has = w.domainLimit.Max()
		q.shared = q.set.domains.with(q.shared[:0], n, has)
	}
	q.charged[0] = sendlimit.Limited{Subject: sendlimit.Subject{Kind: sendlimit.Account, Name: w.account}, Limits: q.account}
	if w.domain == "" {
		return q.charged[:1]
	}
	q.charged[1] = sendlimit.Limited{Subject: sendlimit.Subject{Kind: sendlimit.Domain, Name: w.domain}, Limits: q.shared}
	return q.charged[:2]
}

// view returns b as a string without a copy; b must not be changed while the
// string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

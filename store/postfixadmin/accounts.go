package postfixadmin

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// accounts makes the mailboxes, but for those of administrators, which are
// there.
func (i *importer) accounts() error {
	err := i.src.pages(i.ctx, "mailbox", func(page []row) error {
		f, err := i.index.find(logins(page))
		if err != nil {
			return err
		}
		usage, err := i.readUsage(page)
		if err != nil {
			return err
		}
		set := &rows.Set{Usage: map[string]rows.Usage{}}
		for _, r := range page {
			i.addAccount(set, r, f, usage)
		}
		i.step(int64(len(page)) * weights()["mailbox"])
		return i.write(set)
	})
	i.together()
	return err
}

// addAccount makes an account with its mailbox, or says why not.
func (i *importer) addAccount(set *rows.Set, r row, f *found, usage map[string]rows.Usage) {
	login := store.Fold(r["username"])
	switch u := f.users[login]; {
	case i.admins[login]:
		return
	case u != nil && (u.ID == 0 || u.ID > i.before.user):
		i.warn("mailbox", r["username"], "left out: it is %q in other letters, which is there too", login)
		return
	case u != nil && f.mailboxes[login] == nil:
		i.warn("mailbox", r["username"], "left out: there is an account of this name without a mailbox; give it one, or delete it")
		return
	case u != nil:
		i.report.Skipped["account"]++
		return
	}
	u := &rows.User{Login: login, Enabled: true, Role: "SimpleUsers"}
	err := i.account(u, "mailbox", r, r)
	if err == nil {
		err = i.mailbox(set, u, r, f, usage)
	}
	if err != nil {
		i.warn("mailbox", r["username"], "left out: %v", err)
		return
	}
	set.Users, f.users[login] = append(set.Users, u), u
	i.created("account", login, u.Role+", mailbox")
}

// account fills in an account: of is the row it is made of, box that of its
// mailbox, whose password, name and state count, or nil.
func (i *importer) account(u *rows.User, table string, of, box row) error {
	if u.Login == "" || strings.ContainsAny(u.Login, " \t") {
		return errors.New("the name is empty or has a blank in it")
	}
	if err := i.base.Tables["core_user"].Fits("core_user", "username", u.Login); err != nil {
		return err
	}
	if box != nil {
		of, table, u.Email = box, "mailbox", u.Login
		u.Enabled = u.Enabled && yes(box["active"])
	}
	var cut bool
	if u.First, u.Last, cut = names(i.base.Tables["core_user"], of["name"]); cut {
		i.warn(table, of["username"], "name is cut to %q, %q: it has characters that cannot be stored, or too many", u.First, u.Last)
	}
	var err error
	if u.Password, err = i.passwords.stored(of["password"]); err != nil {
		i.warn(table, of["username"], "%v", err)
	}
	if i.base.Tables["core_user"].Fits("core_user", "password", u.Password) != nil { // its error would quote it
		u.Password = ""
		i.warn(table, of["username"], "the stored password is too long or no text: set a new one")
	}
	i.particulars(u, table, of)
	return nil
}

// particulars fills in what few accounts have, and says what they lose.
func (i *importer) particulars(u *rows.User, table string, r row) {
	u.Rest = rows.Columns{}
	if t, ok := moment(r["created"]); ok {
		u.Rest["date_joined"] = i.to.Time(t)
	}
	for _, c := range [][2]string{{"phone", "phone_number"}, {"email_other", "secondary_email"}} {
		from, to := c[0], c[1]
		switch err := i.base.Tables["core_user"].Fits("core_user", to, r[from]); {
		case r[from] == "":
		case err != nil:
			i.warn(table, r["username"], "%s is not taken over: %v", from, err)
		default:
			u.Rest[to] = r[from]
		}
	}
	if t, ok := moment(r["password_expiry"]); ok && t.Before(time.Now()) {
		i.warn(table, r["username"], "the password has expired at %s, which Modoboa does not know: it goes on to be valid", t.Format(time.DateOnly))
	}
	if i.src.has(table, "smtp_active") && !yes(r["smtp_active"]) {
		i.warn(table, r["username"], "may not send by SMTP, which Modoboa does not know: now it may")
	}
	if r["totp_secret"] != "" {
		i.warn(table, r["username"], "the second factor (TOTP) is not taken over")
	}
}

// mailbox makes the mailbox of an account.
func (i *importer) mailbox(set *rows.Set, u *rows.User, r row, f *found, usage map[string]rows.Usage) error {
	local, name, err := rows.SplitAddress(u.Login)
	if err == nil && local == "" {
		err = errors.New("has nothing before the \"@\"")
	}
	if err != nil {
		return fmt.Errorf("address %q %w", rows.Shown(u.Login), err)
	}
	d, err := i.place(name)
	if err := cmp.Or(err, i.base.Tables["admin_mailbox"].Fits("admin_mailbox", "address", local)); err != nil {
		return err
	}
	if f.mailboxes[u.Login] != nil {
		return fmt.Errorf("the mailbox exists, with the login %q", f.mailboxes[u.Login].User.Login)
	}
	m := &rows.Mailbox{Local: local, Domain: d, User: u, Address: u.Login, QuotaGiven: true, Rest: i.dates(r)}
	m.Quota = i.quota(r)
	f.internal[u.Login] = set.AddMailbox(i.base, m, f.internal[u.Login], f.usage[u.Login])
	f.mailboxes[u.Login] = m
	if n, ok := usage[u.Login]; ok && !f.usage[u.Login] {
		set.Usage[u.Login] = n
	}
	if dir := strings.TrimSuffix(r["maildir"], "/"); dir != "" && store.Fold(dir) != name+"/"+local {
		i.many("mailbox", r["username"], "maildir", fmt.Sprintf("the mail is in %q, not in %s/%s/: move it, or set [dovecot] home accordingly", rows.Shown(dir), name, local))
	}
	if d.Relay {
		i.many("mailbox", r["username"], "relay",
			fmt.Sprintf("the mail of %s was all relayed; that of its mailboxes is delivered here now", d.Name))
	}
	return nil
}

// quota is a mailbox's limit in MB.
func (i *importer) quota(r row) int64 {
	bytes := number(r["quota"])
	mb, exact := megabytes(bytes)
	if !exact {
		i.many("mailbox", r["username"], "quota", fmt.Sprintf("quota of %d bytes is no whole number of MB: rounded up to %d MB", bytes, mb))
	}
	n, fits := limit(mb)
	if !fits {
		i.warn("mailbox", r["username"], "quota of %d bytes is more than Modoboa can store: it has no limit now", bytes)
	}
	return n
}

// logins are the folded names of some accounts.
func logins(page []row) map[string]bool {
	names := map[string]bool{}
	for _, r := range page {
		if login := store.Fold(r["username"]); rows.CheckBytes(login) == nil {
			names[login] = true
		}
	}
	return names
}

// readUsage reads how full the mailboxes of some accounts are. Dovecot writes
// the name as it was given or in small letters.
func (i *importer) readUsage(page []row) (map[string]rows.Usage, error) {
	names := logins(page)
	for _, r := range page {
		names[r["username"]] = true
	}
	found, err := i.src.keyed(i.ctx, "quota2", names)
	out := map[string]rows.Usage{}
	for _, r := range found {
		out[store.Fold(r["username"])] = rows.Usage{Bytes: max(number(r["bytes"]), 0), Messages: max(number(r["messages"]), 0)}
	}
	return out, err
}

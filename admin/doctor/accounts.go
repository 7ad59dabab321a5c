package doctor

import (
	"errors"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/lookup/password"
	"github.com/vmapd/vmapd/store"
)

func checkEmail() Check {
	return Check{
		Name: "account-email", Group: "accounts",
		Text: "Accounts whose e-mail address is not that of their mailbox, as Modoboa 1.10 leaves it when it renames an account. The login is by the e-mail address, mail comes to the mailbox.",
		Do:   "Set the e-mail address to that of the mailbox.",
		look: look{account: func(r *run, a *store.Account) {
			m, ok := r.s.MailboxOf(a.ID)
			if !ok || a.Email == m.Address {
				return
			}
			what := "its e-mail address is " + a.Email
			if a.Email == "" {
				what = "it has no e-mail address"
			}
			r.say(Error, a.Username, "set it to the address of the mailbox ("+sql("UPDATE core_user SET email = %s WHERE id = %d", quote(m.Address), a.ID)+")",
				"the mailbox of the account is %s, but %s: Dovecot finds no such user, and who may send as the address is decided by the other one", m.Address, what)
		}},
	}
}

func checkPasswordMissing() Check {
	return Check{
		Name: "password-missing", Group: "accounts",
		Text: "Active accounts without a password that do not authenticate elsewhere (is_local): nobody can log in.",
		Do:   "Set a password.",
		look: look{account: func(r *run, a *store.Account) {
			if a.Active && a.Local && a.Password == "" && !r.OutsideAll {
				r.say(Warning, a.Username, setPassword(a), "the account has no password: nobody can log in")
			}
		}},
	}
}

func setPassword(a *store.Account) string {
	return "set a new password for " + a.Username + ", in Modoboa or with \"vmapd password hash\" (column password of " + row("core_user", a.ID) + ")"
}

func checkPasswordUnknown() Check {
	return Check{
		Name: "password-unknown", Group: "accounts",
		Text: "Active accounts whose stored password cannot be verified: a scheme that is not known, a damaged hash, or one so dear that it is refused.",
		Do:   "Set a new password.",
		look: look{account: func(r *run, a *store.Account) {
			if !a.Active || a.Password == "" {
				return
			}
			_, err := r.parse(a)
			var why string
			switch {
			case err == nil:
				return
			case errors.Is(err, password.ErrUnknownScheme):
				why = "is in a scheme that nobody knows" + schemeName(a.Password)
			case errors.Is(err, password.ErrTooDear):
				why = "takes too much time or memory to verify" + schemeName(a.Password)
			default:
				why = "is damaged, or no hash at all"
			}
			r.say(Error, a.Username, setPassword(a), "the stored password %s: nobody can log in", why)
		}},
	}
}

// parsed is a stored password that was read: two checks look at each.
type parsed struct {
	of   string
	hash password.Hash
	err  error
}

func (r *run) parse(a *store.Account) (password.Hash, error) {
	if r.parsed.of != a.Password {
		r.parsed.of = a.Password
		r.parsed.hash, r.parsed.err = password.Parse(a.Password, r.DefaultScheme)
	}
	return r.parsed.hash, r.parsed.err
}

// schemeName shows the name of a scheme, if it looks like one: a password that is
// stored as it is may begin with a brace.
func schemeName(stored string) string {
	name, _, ok := strings.Cut(strings.TrimPrefix(stored, "{"), "}")
	if !ok || !strings.HasPrefix(stored, "{") || len(name) > 16 || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
		return ""
	}
	return " (" + name + ")"
}

func checkPasswordWeak() Check {
	return Check{
		Name: "password-weak", Group: "accounts",
		Text: "Active accounts whose password is stored as it is, or so that whoever gets hold of the hash guesses it fast: PLAIN, MD5, DES crypt, and digests without rounds such as SHA256 and SSHA512.",
		Do:   "Set dovecot.rehash, so that passwords are stored anew at the next login, or set new ones.",
		look: look{account: func(r *run, a *store.Account) {
			if !a.Active || a.Password == "" {
				return
			}
			h, err := r.parse(a)
			if err != nil || !h.Weak() && !h.Cost().Cheap {
				return
			}
			remedy := "set dovecot.rehash = \"SHA512-CRYPT\", and the password is stored anew at the next login; or " + setPassword(a)
			if r.Rehash {
				remedy = "wait until the owner logs in, when it is stored anew (dovecot.rehash); or " + setPassword(a)
			}
			switch {
			case h.Weak() && !r.WeakSchemes:
				r.say(Error, a.Username, setPassword(a), "the password is stored as %s, which dovecot.weak_schemes = false refuses: nobody can log in", h.Scheme())
			case h.Weak():
				r.say(Warning, a.Username, remedy, "the password is stored as %s, which is weak: Dovecot 2.4 refuses it", h.Scheme())
			case slices.Contains([]string{"PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-TRUNC"}, h.Scheme()):
				r.say(Warning, a.Username, remedy, "the password is stored as it is (%s)", h.Scheme())
			default:
				r.say(Warning, a.Username, remedy, "the password is stored as %s, which is cheap to guess", h.Scheme())
			}
		}},
	}
}

func checkMailboxOrphan() Check {
	return Check{
		Name: "mailbox-orphan", Group: "accounts",
		Text: "Mailboxes without an account, to which nobody can log in, and mailboxes without a domain, which are not served.",
		Do:   "Delete the row, or correct its reference.",
		look: look{mailbox: func(r *run, m *store.Mailbox) {
			remedy := "delete " + row("admin_mailbox", m.ID) + ", or correct its reference"
			if _, ok := r.s.DomainByID(m.DomainID); !ok {
				r.say(Warning, m.Address, remedy, "the mailbox is in domain %d, which does not exist: it is not served", m.DomainID)
			} else if m.AccountID == 0 {
				r.say(Warning, m.Address, remedy, "the mailbox has no account: mail is delivered, nobody can log in")
			}
		}},
	}
}

func checkOperation() Check {
	return Check{
		Name: "mailbox-operation", Group: "accounts",
		Text: "Mailboxes whose folder is to be renamed or deleted: until that is done their mail is put off (450).",
		Do:   "Set mailboxes.root, and vmapd does it; or have Modoboa's job run (modo handle_mailbox_operations, or its worker for the queue dovecot).",
		look: look{operation: func(r *run, o *store.MailboxOperation) {
			const remedy = "set mailboxes.root, or have Modoboa's job run, as the owner of the mail folders (modo handle_mailbox_operations, or its worker for the queue dovecot)"
			if m, ok := r.s.MailboxByID(o.MailboxID); ok {
				r.say(Warning, m.Address, remedy, "a rename of the folder is pending (%s): mail for the mailbox is put off", row("admin_mailboxoperation", o.ID))
			} else {
				r.say(Info, row("admin_mailboxoperation", o.ID), remedy, "the removal of a folder is pending")
			}
		}},
	}
}

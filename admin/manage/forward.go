package manage

import (
	"slices"
	"time"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/modoboa/rows"
)

// Forward says where an account's mail goes: the recipients of the alias that
// has the mailbox's address, but for the mailbox itself, and whether that gets
// a copy. Without a forward there are no recipients. Everyone may ask for his
// own, administrators for those of accounts that they have access to. An
// account without a mailbox has none: Denied.
func (t *Tx) Forward(account int64) (*Forward, error) {
	box, err := t.forwarded(account)
	if err != nil {
		return nil, err
	}
	a, err := t.forwardOf(box)
	if err != nil || a == nil {
		return &Forward{Recipients: []string{}}, err
	}
	f := &Forward{Recipients: slices.DeleteFunc(a.Recipients, func(s string) bool { return store.Fold(s) == box.address })}
	f.KeepCopies = len(f.Recipients) < len(a.Recipients)
	if !f.KeepCopies && len(f.Recipients) > 0 { // the self-alias goes on answering beside the forward
		f.KeepCopies, err = t.find("SELECT 1 FROM admin_alias WHERE "+t.named("address")+" = ? AND internal = ? AND enabled = ?", []any{box.address, true, true}, new(int))
	}
	return f, err
}

// SetForward sets where an account's mail goes; no recipients end the forward.
// The mailbox's self-alias is enabled as long as copies are kept. Before
// Modoboa 1.17 it always was, and the mailbox has a copy of everything, which
// [Tx.Forward] then tells.
//
// Everyone may set his own, and needs no right to make aliases for it; others
// need that right and access to the account. The recipients are checked as
// those of every alias ([Tx.CreateAlias]).
func (t *Tx) SetForward(account int64, f Forward) error {
	box, err := t.forwarded(account)
	if err == nil && (t.caller.Root || account != t.caller.ID) {
		err = t.allow(AliasObject)
	}
	if err != nil {
		return err
	}
	old, err := t.forwardOf(box)
	if err != nil {
		return err
	}
	to, keeps, err := t.forwardTo(box, f, old)
	if err != nil {
		return err
	}
	if len(to) == 0 {
		changed, err := t.endForward(box, old)
		if err != nil {
			return err
		}
		return t.checkLoops(changed...)
	}
	if err := t.writeForward(box, old, to); err != nil {
		return err
	}
	if t.forwardsAlone() {
		if err := t.enableSelf(box, keeps && box.active); err != nil {
			return err
		}
	}
	if err := t.checkLoops(box.address); err != nil {
		return err
	}
	return t.log("Forward of %s set", box.address)
}

// forwardTo checks the recipients of a forward, and adds the mailbox itself if
// it keeps copies, which its address among the recipients says too. Without
// others there are none.
func (t *Tx) forwardTo(box *forwardBox, f Forward, old *storedAlias) (to []recipient, keeps bool, err error) {
	others := slices.DeleteFunc(slices.Clone(f.Recipients), func(s string) bool { return foldAddress(s) == box.address })
	if len(others) == 0 {
		return nil, false, nil
	}
	keeps = f.KeepCopies || len(others) < len(f.Recipients)
	if keeps {
		others = append(others, box.address)
	}
	bad := fields{}
	others = t.recipientList(bad, others)
	if err := bad.err(); err != nil {
		return nil, false, err
	}
	own := int64(0)
	if old != nil {
		own = old.ID
	}
	to, err = t.resolve(box.address, own, others)
	return to, keeps, err
}

// writeForward writes the alias that is a forward. It works at once, whatever
// an alias of this address was before.
func (t *Tx) writeForward(box *forwardBox, old *storedAlias, to []recipient) error {
	if old == nil {
		_, err := t.insertAlias(aliasAddress{box.address, box.domain}, &storedAlias{}, box.active, to)
		return err
	}
	if err := t.setRecipients(old.ID, to); err != nil {
		return err
	}
	return t.update("admin_alias", old.ID, rows.Columns{"enabled": box.active, "expire_at": nil})
}

// endForward has all mail of a mailbox in the mailbox, and returns the addresses
// that lead elsewhere then.
func (t *Tx) endForward(box *forwardBox, old *storedAlias) (changed []string, err error) {
	if old != nil {
		if changed, err = t.dropAliases(old); err != nil {
			return nil, err
		}
	}
	if box.active {
		err = t.enableSelf(box, true)
	}
	return changed, err
}

// forwardsAlone reports whether this release disables the self-alias of a
// mailbox whose forward keeps no copies: since 1.17, when logins in two steps
// came.
func (t *Tx) forwardsAlone() bool {
	return t.tables["core_user"].Has("tfa_enabled") || t.tables["core_user"].Has("totp_enabled")
}

func (t *Tx) enableSelf(box *forwardBox, on bool) error {
	_, err := t.exec("UPDATE admin_alias SET enabled = ?, last_modification = ? WHERE address = ? AND internal = ? AND enabled <> ?",
		on, t.db.Time(time.Now()), box.address, true, on)
	return err
}

// forwardBox is a mailbox that mail is forwarded from.
type forwardBox struct {
	address string
	domain  int64
	active  bool // the account is
}

// forwarded returns the mailbox of an account that the caller sees.
func (t *Tx) forwarded(account int64) (*forwardBox, error) {
	if t.caller.Root || account != t.caller.ID {
		if ok, err := t.sees(UserObject, account); err != nil || !ok {
			if err == nil {
				err = missing(UserObject)
			}
			return nil, err
		}
	}
	var b forwardBox
	if ok, err := t.find("SELECT is_active FROM core_user WHERE id = ?", []any{account}, &b.active); err != nil || !ok {
		if err == nil {
			err = missing(UserObject)
		}
		return nil, err
	}
	var local, name string
	ok, err := t.find("SELECT m.address, m.domain_id, d.name FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE m.user_id = ?",
		[]any{account}, &local, &b.domain, &name)
	if err == nil && !ok {
		err = denied("This account has no mailbox.")
	}
	b.address = store.Fold(local + "@" + name)
	return &b, err
}

// forwardOf returns the alias that is the forward of a mailbox, nil if there
// is none.
func (t *Tx) forwardOf(box *forwardBox) (*storedAlias, error) {
	a, err := t.anyAlias(t.named("a.address")+" = ? AND a.internal = ?", box.address, false)
	if err != nil || a == nil || store.Fold(a.Address) != box.address {
		return nil, err
	}
	return a, nil
}

package manage

import "fmt"

// DeleteAccount deletes an account with its mailbox. keepFiles leaves the mail
// where it is. What the account owned passes to a super administrator, what is
// left of its limits to the reseller whose account it was.
func (t *Tx) DeleteAccount(id int64, keepFiles bool) error {
	a, err := t.Account(id)
	if err != nil {
		return err
	}
	if err := t.allowAccount(a); err != nil {
		return err
	}
	if t.self(a) {
		return denied("You can't delete your own account")
	}
	if err := t.notLast(a); err != nil {
		return err
	}
	if err := t.removeAccount(a, keepFiles); err != nil {
		return fmt.Errorf("delete account %s: %w", a.Username, err)
	}
	return t.log("Account %s deleted", a.Username)
}

// removeAccount deletes the rows of an account.
func (t *Tx) removeAccount(a *Account, keepFiles bool) error {
	if a.Mailbox != nil {
		if err := t.deleteBox(a.Mailbox, keepFiles); err != nil {
			return err
		}
	}
	if err := t.returnLimits(a.ID); err != nil {
		return err
	}
	if err := t.ungrant(UserObject, a.ID); err != nil {
		return err
	}
	owns, err := t.find("SELECT 1 FROM core_objectaccess WHERE user_id = ? AND is_owner = ? LIMIT 1", []any{a.ID, true}, new(int))
	if err == nil && owns {
		err = t.passOwned(a.ID)
	}
	if err != nil {
		return err
	}
	if err := t.dropReferences("core_user", a.ID); err != nil {
		return err
	}
	t.base = nil // it may have been a super administrator
	_, err = t.exec("DELETE FROM core_user WHERE id = ?", a.ID)
	return err
}

package manage

import "database/sql"

// movesFiles reports whether Modoboa moves and removes the files of mailboxes:
// it does so by rows of admin_mailboxoperation, with the path that mail had.
func (t *Tx) movesFiles() (bool, error) {
	if t.m.o.Home == nil || len(t.tables["admin_mailboxoperation"]) == 0 {
		return false, nil
	}
	p, err := t.parameters()
	if err != nil {
		return false, err
	}
	return p.flag("admin", "handle_mailboxes", false), nil
}

// homes returns where the mailboxes of a domain lie, by their ids.
func (t *Tx) homes(d *Domain) (map[int64]string, error) {
	out := map[int64]string{}
	wanted, err := t.movesFiles()
	if err != nil || !wanted {
		return out, err
	}
	return out, t.each("SELECT id, address FROM admin_mailbox WHERE domain_id = ?", []any{d.ID}, func(r *sql.Rows) error {
		var id int64
		var local string
		err := r.Scan(&id, &local)
		if home := t.m.o.Home(local + "@" + d.Name); home != "" {
			out[id] = home
		}
		return err
	})
}

// moveFiles has the mail of a domain moved from where it lay.
func (t *Tx) moveFiles(homes map[int64]string) error {
	for id, home := range homes {
		if _, err := t.exec("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) VALUES ('rename', ?, ?)", home, id); err != nil {
			return err
		}
	}
	return nil
}

// removeFiles has the mail of a domain removed.
func (t *Tx) removeFiles(d *Domain) error {
	homes, err := t.homes(d)
	if err != nil {
		return err
	}
	for _, home := range homes {
		if _, err := t.exec("INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) VALUES ('delete', ?, NULL)", home); err != nil {
			return err
		}
	}
	return nil
}

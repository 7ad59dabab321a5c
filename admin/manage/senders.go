package manage

import (
	"database/sql"
	"strings"

	"github.com/vmapd/vmapd/store"
)

// SenderAddresses lists the extra sender addresses of the mailboxes that the
// caller has access to. Query.Search looks in the addresses and in those of
// the mailboxes, Query.Mailbox and Query.Domain choose the mailboxes; they are
// sorted by name or id.
func (t *Tx) SenderAddresses(q Query) (Page[SenderAddress], error) {
	var p Page[SenderAddress]
	where, args := t.senderFilter(&q)
	n, err := t.count("SELECT count(*)"+fromSenders+where, args...)
	if err != nil {
		return p, err
	}
	p.Total = int(n)
	order := q.page(map[string]string{"name": "s.address", "id": "s.id"}, "s.address")
	p.Items, err = t.sendersWhere(where+strings.Replace(order, " LIMIT ", ", s.id LIMIT ", 1), args...)
	return p, err
}

func (t *Tx) senderFilter(q *Query) (where string, args []any) {
	where = t.visible(MailboxObject, "s.mailbox_id")
	and := func(condition string, more ...any) { where, args = where+" AND "+condition, append(args, more...) }
	if q.Mailbox != 0 {
		and("s.mailbox_id = ?", q.Mailbox)
	}
	if q.Domain != "" {
		and("d.name = ?", store.Fold(strings.TrimSpace(q.Domain)))
	}
	if q.Search != "" {
		and("(lower(s.address) LIKE ? ESCAPE '!' OR lower("+t.mailboxName()+") LIKE ? ESCAPE '!')", like(q.Search), like(q.Search))
	}
	return where, args
}

// mailboxName is the address of the mailbox m in the domain d.
func (t *Tx) mailboxName() string { return joined(t.db.Dialect, "m.address", "'@'", "d.name") }

// fromSenders is where sender addresses are read from, up to the condition.
const fromSenders = ` FROM admin_senderaddress s JOIN admin_mailbox m ON m.id = s.mailbox_id
	JOIN admin_domain d ON d.id = m.domain_id WHERE `

func (t *Tx) sendersWhere(where string, args ...any) ([]SenderAddress, error) {
	found := []SenderAddress{}
	err := t.each("SELECT s.id, s.address, s.mailbox_id, m.address, d.name"+fromSenders+where, args, func(r *sql.Rows) error {
		var s SenderAddress
		var local, domain string
		err := r.Scan(&s.ID, &s.Address, &s.MailboxID, &local, &domain)
		s.MailboxName = local + "@" + domain
		found = append(found, s)
		return err
	})
	return found, err
}

// SenderAddress returns an extra sender address.
func (t *Tx) SenderAddress(id int64) (*SenderAddress, error) {
	found, err := t.sendersWhere("s.id = ? AND "+t.visible(MailboxObject, "s.mailbox_id"), id)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, missing(SenderAddressObject)
	}
	return &found[0], nil
}

// DeleteSenderAddress takes away the right to send as an address.
func (t *Tx) DeleteSenderAddress(id int64) error {
	s, err := t.SenderAddress(id)
	if err == nil {
		err = t.allow(SenderAddressObject)
	}
	if err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM admin_senderaddress WHERE id = ?", id); err != nil {
		return err
	}
	return t.log("Sender address %s of %s deleted", s.Address, s.MailboxName)
}

package lookup

var mailboxes = Table{
	Name:  "mailboxes",
	Param: "virtual_mailbox_maps",
	Doc: "The addresses that have a mailbox which may receive mail, with or without extension. Answers the address of the mailbox. " +
		"Lets Postfix refuse unknown recipients by itself, without a verification probe.",
	find: func(q *query) {
		for _, address := range [...]string{q.key.full, q.key.base} {
			if m, ok := q.Mailbox(address); ok && m.Receives() {
				q.add(m.Address)
				return
			}
		}
	},
}

// maintenance is what Modoboa's own map answers.
const maintenance = "450 Requested mail action not taken: mailbox unavailable"

var maintain = Table{
	Name:  "maintain",
	Param: "check_recipient_access",
	Doc:   "The mailboxes whose folder is about to be renamed: their mail waits. Answers a 450 reply.",
	find: func(q *query) {
		for _, address := range [...]string{q.key.full, q.key.base} {
			if m, ok := q.Mailbox(address); ok && m.Moving {
				q.add(maintenance)
				return
			}
		}
	},
}

var verification = Table{
	Name:  "relay-recipient-verification",
	Param: "check_recipient_access",
	Doc:   "The relay domains whose recipients are to be verified. Answers an address in one of them with reject_unverified_recipient.",
	find: func(q *query) {
		if !q.key.address {
			return
		}
		if a, ok := q.RecipientAccess(q.key.domain); ok {
			q.add(a.Action)
		}
	},
}

package lookup

import "github.com/vmapd/vmapd/store"

var senderLogin = Table{
	Name:     "sender-login",
	Synonyms: []string{"sender-login-map", "sender-login-mailboxes", "sender-login-aliases", "sender-login-mailboxes-extra"},
	Param:    "smtpd_sender_login_maps",
	Doc: "Who may send as an address. Answers the logins that own it: the account with that e-mail address, owners of mailboxes that have it as extra " +
		"sender address, and the mailboxes that its aliases deliver to. lookup.sender_login chooses between the rules of Modoboa 1.10, those of 2.x, and strict.",
	find: findSenderLogin,
}

// The sender login profiles: the rules of Modoboa 1.10 to 1.13, of 1.15 and
// later, and the latter without what a disabled thing still lends there.
const (
	SenderLogin110    = "1.10"
	SenderLogin2x     = "2.x"
	SenderLoginStrict = "strict"
)

func findSenderLogin(q *query) {
	k := &q.key
	if q.opt.SenderLogin == SenderLogin110 {
		find110(q)
		return
	}
	if !k.address || k.local == "" {
		return // the SQL map's %u and %d are empty: Postfix does not run it
	}
	if q.addOwners(k.full, k.local); !q.found() && k.base != "" {
		q.addOwners(k.base, k.baseLocal)
	}
}

// find110 asks for the address, the stripped address and @domain in turn: the
// SQL map of 1.10 uses %s alone, which lets Postfix take all three steps.
func find110(q *query) {
	k := &q.key
	q.addDirect(k.full)
	if !q.found() && k.base != "" {
		q.addDirect(k.base)
	}
	if !q.found() && k.local != "" {
		q.addDirect(k.full[len(k.local):])
	}
}

// addDirect adds the owners of exactly this address.
func (q *query) addDirect(address string) {
	at := q.At(address)
	if at.OwnSender() && !q.strict() {
		q.add(address)
		return
	}
	for a := at.Accounts(); a.Next(); {
		if a.Active() && q.mayLend(a.Account) {
			q.add(address)
		}
	}
	q.addExtra(at)
	for al := at.Aliases(); al.Next(); {
		q.addMembers(&al)
	}
}

// addOwners adds to these the owners through a domain alias and through an
// extra sender address "@domain".
func (q *query) addOwners(address, local string) {
	q.addDirect(address)
	domain := address[len(local):] // with its @
	if q.At(domain[1:]).OnlyDomain() {
		return
	}
	if da, ok := q.DomainAlias(domain[1:]); ok && (da.Enabled || !q.strict()) {
		target, _ := q.DomainByID(da.TargetID)
		for al := q.Aliases(q.join(local, "@", target.Name)); al.Next(); {
			if al.Alias.DomainID == target.ID {
				q.addMembers(&al)
			}
		}
	}
	q.addExtra(q.At(domain))
}

// addExtra adds the owners of mailboxes with an extra sender address.
func (q *query) addExtra(at store.Address) {
	for sa := at.SenderAddresses(); sa.Next(); {
		if m, ok := sa.Mailbox(); ok && q.mayLend(func() store.Account { return q.owner(&m) }) {
			q.add(m.Address)
		}
	}
}

// addMembers adds the mailboxes that an alias delivers to. Expiry is not
// looked at but in the strict profile, as in the SQL map.
func (q *query) addMembers(al *store.AliasRows) {
	if !al.Alias.Enabled || q.strict() && !q.live(&al.Alias) {
		return
	}
	for r := al.Recipients(); r.Next(); {
		owner := func() store.Account { m, _ := r.Mailbox(); return q.owner(&m) }
		if address := r.MailboxAddress(); address != "" && q.mayLend(owner) {
			q.add(address)
		}
	}
}

func (q *query) owner(m *store.Mailbox) store.Account {
	a, _ := q.AccountByID(m.AccountID)
	return a
}

func (q *query) strict() bool { return q.opt.SenderLogin == SenderLoginStrict }

// mayLend reports whether an account may lend its addresses to senders: in the
// strict profile only if it may log in.
func (q *query) mayLend(account func() store.Account) bool {
	if !q.strict() {
		return true
	}
	a := account()
	return q.LoginRefusal(&a, "") == ""
}

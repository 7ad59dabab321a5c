package modoboa

// The objects of an import. Those that exist in the database have an id; new
// ones get theirs when they are written. A name leads to one object only, so
// pointers can be compared.

type domain struct {
	id           int64
	name         string
	relay        bool
	enabled      bool
	quota        int64 // MB
	mailboxQuota int64 // MB, of a mailbox that names none
	allocated    int64 // MB, the sum of its mailboxes
	transport    *transport
	admins       []*user // who is no super administrator but may see it
}

type transport struct {
	id      int64
	pattern string
	host    string
	port    int
	verify  bool
}

type domainAlias struct {
	id      int64
	name    string
	target  *domain
	enabled bool
}

type user struct {
	id                    int64
	line                  int
	login, password       string
	first, last           string
	enabled               bool
	role                  string // name of the group, or superAdmins
	email                 string
	mailbox               *mailbox
	privileged, superuser bool // may make domains: domain admins do not see him
}

type mailbox struct {
	id         int64
	local      string
	domain     *domain
	user       *user
	quota      int64 // MB
	quotaGiven bool
	address    string
}

type alias struct {
	id       int64
	address  string
	domain   *domain // nil for the internal row of a domain alias
	enabled  bool
	internal bool
	known    *known // recipients that an existing alias has
}

// known are the recipients of an alias, so that none is written twice and no
// unique pair is hit.
type known struct {
	addresses map[string]bool
	mailboxes map[*mailbox]bool
	aliases   map[*alias]bool
}

func newKnown() *known {
	return &known{map[string]bool{}, map[*mailbox]bool{}, map[*alias]bool{}}
}

type recipient struct {
	alias   *alias
	address string
	mailbox *mailbox
	target  *alias
}

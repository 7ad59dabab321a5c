package store

// The row columns of a snapshot: numbers and refs only, no pointers. Fields
// that name another row hold its row number plus one (0 = none), resolved
// when the snapshot is built.

type domainRow struct {
	id      uint32
	name    ref
	quota   uint32
	perMbox uint32
	typ     DomainType
	enabled bool
}

type domainAliasRow struct {
	id      uint32
	name    ref
	target  uint32 // domains row
	enabled bool
}

type accountRow struct {
	id       uint32
	username ref
	email    ref
	password ref    // in blobs
	mailbox  uint32 // mailboxes row
	next     uint32
	flags    uint8
}

const (
	accountActive = 1 << iota
	accountLocal
	accountSuperuser
	accountMaster
)

type mailboxRow struct {
	bytes    int64
	id       uint32
	address  ref
	domain   uint32 // domains row
	account  uint32 // accounts row
	quota    uint32
	messages int32
	next     uint32
	flags    uint8
}

const (
	mailboxSendOnly = 1 << iota
	mailboxMoving
)

// aliasRow holds its first recipient itself: nearly every alias has just one,
// the mailbox's own address, and each row that is looked at is a cache miss.
type aliasRow struct {
	expireAt int64
	id       uint32
	address  ref
	domain   uint32    // domains row
	one      recipient // the one with the smallest id; id 0 = no recipients
	more     uint32    // recipients row of the second
	next     uint32
	flags    uint8
}

const (
	aliasEnabled = 1 << iota
	aliasInternal
)

type recipient struct {
	id      uint32
	address ref
	mailbox uint32 // mailboxes row, with ownAddress
	target  uint32 // while building the id, then the aliases row
}

// ownAddress marks, in recipient.mailbox, that the mailbox's address is the
// recipient's, letter by letter.
const ownAddress = 1 << 31

func (r *recipient) mailboxRow() uint32 { return r.mailbox &^ ownAddress }

type recipientRow struct {
	recipient
	next uint32
}

type senderRow struct {
	id      uint32
	address ref
	mailbox uint32 // mailboxes row
	next    uint32
}

// base is the immutable part of a snapshot.
type base struct {
	symbols symbols
	secrets blobs

	domains       column[domainRow]
	domainAliases column[domainAliasRow]
	accounts      column[accountRow]
	mailboxes     column[mailboxRow]
	aliases       column[aliasRow]
	recipients    column[recipientRow]
	senders       column[senderRow]

	domainIDs, accountIDs, mailboxIDs, aliasIDs ids

	// Names of which a host has few.
	domainByName      map[string]uint32
	domainAliasByName map[string]uint32
	transports        map[string]Transport
	access            map[string]RecipientAccess
	autoreplies       map[string]AutoreplyTransport
}

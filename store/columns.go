package store

import "unsafe"

// The row columns of a snapshot: numbers and refs only, no pointers. Fields
// that name another row hold its row number plus one, 0 for NULL; that row is
// there to be read, but means nothing unless it is here.
//
// Rows hang in the lists of their names (see list) only while they are here,
// and mailboxes only while they are served.

// What all rows have in common.
const (
	here    = 1 << iota // the database has the row
	inexact             // its name is not stored in folded spelling
	firstFlag
)

type domainRow struct {
	used    int64 // bytes in the mailboxes that are served in it
	id      uint32
	name    ref
	quota   uint32
	perMbox uint32
	dkim    uint32 // dkim row, 0 = it never signed
	limit   Limit
	typ     DomainType
	flags   uint8
}

const domainEnabled = firstFlag

// dkimRow is the DKIM of a domain, beside those that have none. It stays with
// the domain once it is there. bits and texts are 0 of one that is off.
type dkimRow struct {
	bits     uint32
	selector ref // all in texts
	path     ref
	public   ref
	on       bool
}

// signingKeyRow is a row of vmapd_dkim_key.
type signingKeyRow struct {
	created   int64
	changed   int64
	id        uint32
	name      ref // of the domain
	bits      uint32
	selector  ref // in texts, as all that follow
	algorithm ref
	path      ref
	public    ref
	stage     ref
	flags     uint8
}

type domainAliasRow struct {
	id     uint32
	name   ref
	target uint32 // domains row
	flags  uint8
}

const domainAliasEnabled = firstFlag

type accountRow struct {
	id        uint32
	username  ref
	email     ref
	password  ref    // in texts
	mailbox   uint32 // mailboxes row
	next      uint32 // in emailList
	nextLogin uint32
	flags     uint8
}

const (
	accountActive = firstFlag << iota
	accountLocal
	accountSuperuser
	accountMaster
)

type mailboxRow struct {
	id      uint32
	address ref    // local@domain; local@ while the domain is not here
	domain  uint32 // domains row
	account uint32 // accounts row
	quota   uint32
	limit   Limit
	next    uint32
	moving  uint16 // operations that are pending
	flags   uint8
}

const (
	mailboxSendOnly = firstFlag << iota
	mailboxServed   // here, in a domain that is here: hangs in mailboxList
)

// usageRow is what is in a mailbox, by address alone: admin_quota does not
// name its mailbox.
type usageRow struct {
	bytes    int64
	messages int32
	username ref // folded; 0: not here
	spelled  ref // in texts, the username if that is not its folded form
	next     uint32
}

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
	aliasEnabled = firstFlag << iota
	aliasInternal
)

type recipient struct {
	id      uint32
	address ref
	mailbox uint32 // mailboxes row
	target  uint32 // aliases row
}

type recipientRow struct {
	recipient
	next uint32
}

type senderRow struct {
	id      uint32
	address ref
	mailbox uint32 // mailboxes row
	next    uint32
	flags   uint8
}

type operationRow struct {
	id      uint32
	mailbox uint32 // mailboxes row
	flags   uint8
}

// routeRow is a row of a table of patterns, of which a host has few: a
// transport, a recipient access, an autoreply transport.
type routeRow struct {
	id    uint32
	name  ref // pattern
	value ref // in texts: service, action, method
	hop   ref // in texts: next hop
	flags uint8
}

// nameRow says that a row of one of the tables of names bears a symbol. One
// list holds them all, in order of kind, the one to serve first: they are few,
// and symbols many.
type nameRow struct {
	id   uint32
	row  uint32
	next uint32
	kind Kind
	flag uint8 // inexact
}

// base is what a snapshot is made of.
type base struct {
	symbols symbols
	texts   texts

	domains       table[domainRow]
	domainAliases table[domainAliasRow]
	accounts      table[accountRow]
	mailboxes     table[mailboxRow]
	aliases       table[aliasRow]
	senders       table[senderRow]
	operations    table[operationRow]
	signingKeys   table[signingKeyRow]
	routes        [3]table[routeRow] // by routeKind

	placed int // mailboxes that are served

	dkim column[dkimRow]
	keys *keysMark

	recipients   column[recipientRow]
	recipientIDs ids // the alias rows of the recipients
	received     int // recipients that are here
	usage        column[usageRow]
	names        column[nameRow]

	compact int // size when everything was last read
}

// routeKind gives the place in base.routes.
func routeKind(k Kind) int { return int(k - Transports) }

func (b *base) route(k Kind) *table[routeRow] { return &b.routes[routeKind(k)] }

// chunked lists everything that is in chunks.
func (b *base) chunked() []*shared {
	return []*shared{
		&b.symbols.shared, &b.symbols.index.shared, &b.texts.shared,
		&b.domains.shared, &b.domainAliases.shared, &b.accounts.shared, &b.mailboxes.shared, &b.aliases.shared, &b.senders.shared,
		&b.operations.shared, &b.signingKeys.shared, &b.dkim.shared, &b.routes[0].shared, &b.routes[1].shared, &b.routes[2].shared,
		&b.recipients.shared, &b.usage.shared, &b.names.shared,
	}
}

// takeFrom says where memory for chunks is taken from now on.
func (b *base) takeFrom(memory *slabs) {
	for _, s := range b.chunked() {
		s.from = memory
	}
}

// share marks everything as shared with the snapshot that b is a copy of.
func (b *base) share() {
	for _, s := range b.chunked() {
		*s = shared{with: true}
	}
	for _, x := range []*ids{
		&b.domains.ids, &b.domainAliases.ids, &b.accounts.ids, &b.mailboxes.ids, &b.aliases.ids, &b.senders.ids,
		&b.operations.ids, &b.signingKeys.ids, &b.routes[0].ids, &b.routes[1].ids, &b.routes[2].ids, &b.recipientIDs,
	} {
		x.own = map[unsafe.Pointer]struct{}{}
	}
}

// size is the memory of the rows and names, in bytes.
func (b *base) size() int {
	n := 0
	for _, s := range b.sections() {
		n += s.stored().Chunks * s.chunkSize()
	}
	return n
}

// indexSize is the memory of the indexes, in bytes: a slot of eight for every
// symbol at a load of three quarters, a number of four for every row.
func (b *base) indexSize() int {
	slots := 0
	for _, sh := range b.symbols.index.shards {
		slots += int(sh.size)
	}
	rows := b.received
	for _, n := range []int{b.domains.n, b.domainAliases.n, b.accounts.n, b.mailboxes.n, b.aliases.n, b.senders.n, b.signingKeys.n} {
		rows += n
	}
	return 8*slots + 4*rows
}

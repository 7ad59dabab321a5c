package store

import (
	"context"
	"errors"
)

// Position is a place in a database's log of changes, in its Source's own
// notation: everything that was committed before it is in the data read at it.
// "" is no position: the data cannot be brought up to date by following.
type Position string

// Changes are the rows that differ between two positions.
type Changes struct {
	To   Position // the position then reached
	Rows int      // rows that were added, changed or removed
	// Apply makes the changes to a Builder that began with the older data. It
	// may be called for several Builders. It is nil when Rows is 0.
	Apply func(b *Builder)
	// Restarted says that the server was started anew between the positions. It
	// may have forgotten what had been read from it.
	Restarted bool
}

// Follower is a Source that can say what changed since it was read. Its Load
// calls Builder.SetPosition if the database lets it follow.
type Follower interface {
	Source
	// Follow reads what was committed after a position, in one consistent view:
	// never half of a transaction. The error wraps ErrLost if only a full Load
	// helps.
	Follow(ctx context.Context, from Position) (*Changes, error)
	// Watch calls wake as soon as something was committed, until ctx ends or the
	// connection is lost. It calls wake once when it has begun to listen. It
	// returns ErrCannotWatch at once if the database does not notify.
	Watch(ctx context.Context, wake func()) error
	// Prune deletes from the log what every daemon has had time to read. It is
	// called about once a minute.
	Prune(ctx context.Context) error
}

// ErrLost says that the log of changes does not lead from a position to the
// present: it was truncated or removed, it is too long, or the tables changed.
var ErrLost = errors.New("changes cannot be followed")

// ErrCannotWatch says that a database cannot notify: it must be polled.
var ErrCannotWatch = errors.New("the database does not notify")

// Kind names a table whose rows a snapshot holds and whose primary key is a
// number.
type Kind uint8

// The kinds, in the order in which a Source reads them.
const (
	Domains Kind = iota
	DomainAliases
	Accounts
	Mailboxes
	Aliases
	Recipients
	SenderAddresses
	MailboxOperations
	SigningKeys
	Transports
	RecipientAccesses
	AutoreplyTransports
	kinds
)

// table returns the name of the database table.
func (k Kind) table() string {
	return [kinds]string{
		"admin_domain", "admin_domainalias", "core_user", "admin_mailbox", "admin_alias", "modoboa_admin_aliasrecipient",
		"admin_senderaddress", "admin_mailboxoperation", "vmapd_dkim_key", "transport_transport", "relaydomains_recipientaccess", "postfix_autoreply_transport",
	}[k]
}

// usageTable is the one table whose key is a text.
const usageTable = "admin_quota"

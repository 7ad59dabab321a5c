package rows

import (
	"encoding/json"
	"fmt"
)

// The objects of a [Set]. Those that exist in the database have an id; new
// ones get theirs when they are written. A name leads to one object only, so
// pointers can be compared.

// Columns are values of columns beyond those that every object has, by column.
// Columns that this release does not have are left out.
type Columns map[string]any

// Domain is a row of admin_domain, of type relaydomain if it has a Transport.
type Domain struct {
	ID           int64
	Name         string
	Relay        bool
	Enabled      bool
	Quota        int64 // MB for all mailboxes, 0 = unlimited
	MailboxQuota int64 // MB, of a mailbox that names none
	Allocated    int64 // MB, the sum of its mailboxes
	Transport    *Transport
	Admins       []*User // who is no super administrator but may see it
	Rest         Columns
}

// Transport is a row of transport_transport for the service relay.
type Transport struct {
	ID      int64
	Pattern string
	Host    string
	Port    int
	Verify  bool // ask the next hop whether a recipient exists
}

// NextHop is what Postfix gets: the brackets say "no MX lookup".
func (t *Transport) NextHop() string { return fmt.Sprintf("[%s]:%d", t.Host, t.Port) }

// Settings is transport_transport._settings of the service relay.
func (t *Transport) Settings() string {
	b, _ := json.Marshal(struct {
		Host   string `json:"relay_target_host"`
		Port   int    `json:"relay_target_port"`
		Verify bool   `json:"relay_verify_recipients"`
	}{t.Host, t.Port, t.Verify})
	return string(b)
}

// DomainAlias is a row of admin_domainalias.
type DomainAlias struct {
	ID      int64
	Name    string
	Target  *Domain
	Enabled bool
}

// User is a row of core_user.
type User struct {
	ID          int64
	Login       string
	Password    string // as it is stored
	First, Last string
	Enabled     bool
	Role        string // name of the group, or SuperAdmins
	Email       string
	Mailbox     *Mailbox
	Privileged  bool // may make domains: domain admins do not see him
	Superuser   bool
	Rest        Columns
}

// Mailbox is a row of admin_mailbox.
type Mailbox struct {
	ID         int64
	Local      string
	Domain     *Domain
	User       *User
	Quota      int64 // MB, 0 = unlimited
	QuotaGiven bool  // its own, not the domain's default
	Address    string
	Rest       Columns
}

// Alias is a row of admin_alias.
type Alias struct {
	ID       int64
	Address  string
	Domain   *Domain // nil for the internal row of a domain alias
	Enabled  bool
	Internal bool
	Rest     Columns
}

// Recipient is a row of modoboa_admin_aliasrecipient.
type Recipient struct {
	Alias   *Alias
	Address string
	Mailbox *Mailbox
	Target  *Alias
}

// Set is what a [Writer] writes. Objects that others refer to may exist
// already; those that are listed are new.
type Set struct {
	Domains       []*Domain
	DomainAliases []*DomainAlias
	Users         []*User
	Mailboxes     []*Mailbox
	Aliases       []*Alias
	Recipients    []*Recipient
	Quotas        []string            // addresses that get a row of usage
	Access        []string            // relay domains whose recipients are verified
	NoAccess      []string            // relay domains that have a stray recipient access
	Repointed     []*Alias            // existing internal aliases that lose their recipients
	Usage         map[string]Usage    // of Quotas, 0 for those that are not here
	AdminOf       map[*User][]*Domain // domains given to domain administrators, new ones and others
}

// Usage is how full a mailbox is.
type Usage struct{ Bytes, Messages int64 }

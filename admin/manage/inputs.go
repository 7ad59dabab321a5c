package manage

import "time"

// The inputs of actions. A field that is not set keeps its value, or has its
// default in what is new. Putting an object, in contrast, gives all fields that
// are not set their default.

// DomainInput is what a domain or relay domain is made of.
type DomainInput struct {
	Name                Opt[string]
	Type                Opt[string]
	Enabled             Opt[bool]
	Quota               Opt[int64] // MB
	DefaultMailboxQuota Opt[int64] // MB
	EnableDKIM          Opt[bool]
	DKIMSelector        Opt[string]
	DKIMLength          Opt[*int64]
	MessageLimit        Opt[*int64]
	EnableDNSChecks     Opt[bool]
	Transport           Opt[TransportInput] // of a relay domain
}

// TransportInput is where a relay domain's mail goes.
type TransportInput struct {
	Service string // "relay", or "" for it
	Host    string
	Port    int // 0 = 25
	Verify  bool
}

// DomainAliasInput is what a domain alias is made of. TargetName may stand for
// Target.
type DomainAliasInput struct {
	Name       Opt[string]
	Target     Opt[int64]
	TargetName Opt[string]
	Enabled    Opt[bool]
}

// AccountInput is what an account is made of.
type AccountInput struct {
	Username            Opt[string]
	FirstName, LastName Opt[string]
	Active              Opt[bool]
	Role                Opt[Role]
	MasterUser          Opt[bool]
	Language            Opt[string]
	Phone               Opt[string]
	SecondaryEmail      Opt[string]
	Password            Opt[string] // in clear
	Hash                Opt[string] // instead: {SCHEME}hash, stored as it is; super administrators only
	RandomPassword      bool        // instead: make one
	Mailbox             Opt[*MailboxInput]
	Domains             Opt[[]string] // that a domain administrator has
	Aliases             Opt[[]string] // further addresses, that lead to the mailbox: made or extended

	hashed  string        // see Manager.HashPassword
	outside *OutsideInput // see Tx.CreateOutside
	noBox   bool          // there is no mailbox, whatever the role
}

// MailboxInput is what a mailbox is made of.
type MailboxInput struct {
	Address        Opt[string] // "" or not set: the account's name
	UseDomainQuota Opt[bool]
	Quota          Opt[int64] // MB
	MessageLimit   Opt[*int64]
	SendOnly       Opt[bool]
}

// AliasInput is what an alias is made of.
type AliasInput struct {
	Address     Opt[string]
	Enabled     Opt[bool]
	Recipients  Opt[[]string]
	Description Opt[string]
	ExpireAt    Opt[*time.Time]
}

// SenderAddressInput is what an extra sender address is made of. MailboxName
// may stand for Mailbox.
type SenderAddressInput struct {
	Address     Opt[string]
	Mailbox     Opt[int64]
	MailboxName Opt[string]
}

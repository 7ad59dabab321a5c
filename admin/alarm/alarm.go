package alarm

import (
	"strings"
	"time"
)

// The kinds of alarms, by the names that Modoboa has for them where it has some
// (admin_alarm.internal_name).
const (
	SendingLimit      = "sending_limit"            // a domain or mailbox has sent all that it may today
	SendingSuspended  = "sending_suspended"        // nothing is sent until an administrator says so
	MailboxNearlyFull = "mailbox_nearly_full"      //
	MailboxFull       = "mailbox_full"             // or so full that little goes in
	DKIMKeyNotInDNS   = "dkim_key_not_in_dns"      // of a domain: verifiers do not find a key that signs
	DomainHasNoMX     = "domain_has_no_mx"         //
	DomainInvalidMX   = "domain_invalid_mx"        // none of the MX hosts is ours
	OperationFailed   = "mailbox_operation_failed" // a folder could not be moved or removed
	RedisError        = "redis_connection_error"   // counts are not shared with other hosts
	DatabaseDown      = "database_down"            //

	// ListedPrefix begins the kinds that say that an MX of a domain is in a DNS
	// blacklist; behind it stands the provider.
	ListedPrefix = "domain_mx_in_dnsbl_"
)

// Kinds returns all kinds, with "domain_mx_in_dnsbl" for all providers, as the
// metric names them.
func Kinds() []string {
	return []string{
		SendingLimit, SendingSuspended, MailboxNearlyFull, MailboxFull, DKIMKeyNotInDNS, DomainHasNoMX, DomainInvalidMX,
		strings.TrimSuffix(ListedPrefix, "_"), OperationFailed, RedisError, DatabaseDown,
	}
}

// Label is the kind of an alarm without the provider of a blacklist.
func Label(kind string) string {
	if strings.HasPrefix(kind, ListedPrefix) {
		return strings.TrimSuffix(ListedPrefix, "_")
	}
	return kind
}

// staysHere reports whether alarms of a kind are never written to the database:
// it could not be asked at the time.
func staysHere(kind string) bool { return kind == DatabaseDown }

// Alarm is an alarm as others see it.
type Alarm struct {
	ID      int64  // of alarms of this host alone, 1 or more; see Book.Local
	Kind    string // one of the constants
	Domain  string // "" for one about this host
	Mailbox string // full address, "" for one about the domain
	Title   string // one line
	Detail  string // more of it, may be ""
	Opened  time.Time
	Closed  time.Time // zero while it is open
}

// split tells the domain and the mailbox of a subject.
func split(subject string) (domain, mailbox string) {
	if at := strings.LastIndexByte(subject, '@'); at >= 0 {
		return subject[at+1:], subject
	}
	return subject, ""
}

package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vmapd/vmapd/lookup/policy"
	"github.com/vmapd/vmapd/lookup/sendlimit"
)

// Settings say what the rules do. They are not changed once they are in use.
type Settings struct {
	MasterSeparator string // between user and master user in sasl_username; "": there are none

	Recipients       bool          // refuse recipients that take no mail
	DisabledAccounts bool          // mailboxes of disabled accounts are such recipients
	Disabled         policy.Action // what they are answered
	Exempt           Exemptions    // from that; accounts and domains are those of the recipient

	Quota       bool          // refuse what does not fit into a mailbox
	Full        policy.Action // the mailbox is full
	TooLarge    policy.Action // the message is larger than the mailbox could ever hold
	Grace       int           // percent of the quota by which the last message may exceed it
	QuotaExempt Exemptions    // from that; accounts and domains are those of the recipient

	AtRcpt        bool              // count recipients at RCPT
	Reject        bool              // what is over a limit is refused for good, not for now
	Accounts      []sendlimit.Limit // of each account
	Domains       []sendlimit.Limit // of each domain
	SendingExempt Exemptions        // from limits, not from suspensions; accounts and domains are those of the sender
}

// ParseLimit reads a limit such as "500 recipients/day", "60 messages/1h", "200
// new-recipients/day", "500M bytes/day": a number, of bytes with K, M or G for
// 1024, its square and its cube; a unit; and a window, day or a duration.
func ParseLimit(text string) (sendlimit.Limit, error) {
	var l sendlimit.Limit
	number, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
	unit, window, slash := strings.Cut(rest, "/")
	if !ok || !slash {
		return l, fmt.Errorf("%q is not a limit such as \"500 recipients/day\" or \"60 messages/1h\"", text)
	}
	if err := l.Unit.UnmarshalText([]byte(strings.TrimSpace(unit))); err != nil {
		return l, err
	}
	if err := l.Window.UnmarshalText([]byte(strings.TrimSpace(window))); err != nil {
		return l, err
	}
	shift := 0
	if i := strings.IndexAny(number, "KMG"); l.Unit == sendlimit.Bytes && i >= 0 && i == len(number)-1 {
		shift = 10 * (strings.IndexByte("KMG", number[i]) + 1)
		number = number[:i]
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return l, fmt.Errorf("%q is not a number from 0 to 2147483647", number)
	}
	l.Max = int64(n) << shift
	return l, nil
}

// ParseReply reads what a recipient is answered: a reply code from 400 to 599,
// REJECT, DEFER or DEFER_IF_PERMIT, and a text.
func ParseReply(text string) (policy.Action, error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	rest = strings.TrimSpace(rest)
	switch verb {
	case "REJECT":
		return policy.Reject(rest), nil
	case "DEFER":
		return policy.Defer(rest), nil
	case "DEFER_IF_PERMIT":
		return policy.DeferIfPermit(rest), nil
	}
	code, err := strconv.Atoi(verb)
	if err != nil || code < 400 || code > 599 || len(verb) != 3 || rest == "" {
		return policy.Action{}, fmt.Errorf("%q is not a reply such as \"554 5.2.2 Mailbox is full\": want a code from 400 to 599, REJECT, DEFER or DEFER_IF_PERMIT, and a text", text)
	}
	return policy.Reply(code, rest), nil
}

// compiled is Settings with what follows from them.
type compiled struct {
	Settings
	accounts, domains limits
}

// limits are a list, and the same without a limit of recipients in a day, whose
// place a message_limit takes.
type limits struct {
	all, rest []sendlimit.Limit
	fresh     bool // one counts new recipients
}

func compile(s Settings) *compiled {
	return &compiled{Settings: s, accounts: limitsOf(s.Accounts), domains: limitsOf(s.Domains)}
}

func limitsOf(list []sendlimit.Limit) limits {
	l := limits{all: slices.Clone(list)}
	for _, x := range list {
		l.fresh = l.fresh || x.Unit == sendlimit.NewRecipients
		if x.Unit != sendlimit.Recipients || x.Window != sendlimit.Day {
			l.rest = append(l.rest, x)
		}
	}
	return l
}

// with appends the limits of a subject with that message_limit to dst.
func (l *limits) with(dst []sendlimit.Limit, own int64, has bool) []sendlimit.Limit {
	if !has {
		return append(dst, l.all...)
	}
	return append(append(dst, l.rest...), sendlimit.Limit{Unit: sendlimit.Recipients, Max: own, Window: sendlimit.Day})
}

// sortLimits brings limits into the order in which people read them.
func sortLimits(list []sendlimit.Limit) {
	slices.SortFunc(list, func(a, b sendlimit.Limit) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Window, b.Window))
	})
}

package mapdiff

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/vmapd/vmapd/store"
	"github.com/vmapd/vmapd/store/db"
)

// Keys are what tables are asked for: names for those of domains, addresses for
// the others.
type Keys struct {
	names, addresses map[string]bool
}

// NewKeys returns none.
func NewKeys() *Keys { return &Keys{names: map[string]bool{}, addresses: map[string]bool{}} }

// columns are where the database has names and addresses.
var columns = []struct{ query, what string }{
	{"SELECT name FROM admin_domain", "admin_domain"},
	{"SELECT name FROM admin_domainalias", "admin_domainalias"},
	{"SELECT pattern FROM transport_transport", "transport_transport"},
	{"SELECT pattern FROM relaydomains_recipientaccess", "relaydomains_recipientaccess"},
	{"SELECT address FROM admin_alias", "admin_alias"},
	{"SELECT address FROM admin_senderaddress", "admin_senderaddress"},
	{"SELECT email FROM core_user", "core_user"},
	{"SELECT address FROM modoboa_admin_aliasrecipient", "modoboa_admin_aliasrecipient"},
}

// FromDatabase adds every name and address of a database: domains with a
// subdomain and somebody who is not there; addresses with an extension, and
// those of a domain at its aliases. every is for large ones: of the addresses
// one in so many is taken, of the others all.
func (k *Keys) FromDatabase(ctx context.Context, d *db.DB, every int) error {
	n := 0
	return eachName(ctx, d, func(s string) {
		if strings.LastIndexByte(s, '@') > 0 {
			if n++; n%max(every, 1) != 0 {
				return
			}
		}
		k.Add(s)
	})
}

// eachName calls f with every name and address of a database, those of
// mailboxes at the aliases of their domain too.
func eachName(ctx context.Context, d *db.DB, f func(string)) error {
	for _, c := range columns {
		if err := eachText(ctx, d, c.query, f); err != nil {
			return fmt.Errorf("read %s: %w", c.what, err)
		}
	}
	for _, names := range []string{"admin_domain n ON n.id", "admin_domainalias n ON n.target_id"} {
		if err := eachText(ctx, d, mailboxes(d, names), f); err != nil {
			return fmt.Errorf("read admin_mailbox: %w", err)
		}
	}
	return nil
}

// mailboxes selects the addresses of all mailboxes, at names of their domains.
func mailboxes(d *db.DB, names string) string {
	address := "m.address || '@' || n.name"
	if d.Dialect == db.MySQL {
		address = "concat(m.address, '@', n.name)"
	}
	return "SELECT " + address + " FROM admin_mailbox m JOIN " + names + " = m.domain_id"
}

func eachText(ctx context.Context, d *db.DB, query string, f func(string)) error {
	rows, err := d.QueryContext(ctx, query)
	if err != nil {
		return d.Explain(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		f(s)
	}
	return d.Explain(rows.Err())
}

// Add adds a name, an address, or an "@domain", with what is near it.
func (k *Keys) Add(s string) {
	s = strings.TrimSpace(s)
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) || s == "" {
		return // postmap reads lines
	}
	at := strings.LastIndexByte(s, '@')
	domain := strings.TrimLeft(s[at+1:], ".")
	if domain == "" || domain == "*" {
		return
	}
	if !k.names[domain] {
		k.names[domain], k.names["below."+domain] = true, true
		k.addresses["nobody-at-all@"+domain] = true
		k.addresses["somebody@below."+domain] = true
	}
	if at > 0 && strings.IndexByte(s, '@') == at { // what has two is vmapd's business no more than Postfix's
		k.addresses[s] = true
		if !strings.Contains(s[:at], "+") {
			k.addresses[s[:at]+"+Ext"+s[at:]] = true
		}
	}
}

// AddLines adds what stands in a file, one a line.
func (k *Keys) AddLines(r io.Reader) error {
	in := bufio.NewScanner(r)
	for in.Scan() {
		k.Add(in.Text())
	}
	return in.Err()
}

// logged finds addresses in lines of Postfix's log: from=<a>, to=<b>,
// orig_to=<c> (postfix src/global/log_adhoc.c, src/smtpd/smtpd_check.c).
var logged = regexp.MustCompile(`(?:from|to|orig_to|sasl_username)=<?([^<>,\s]+@[^<>,\s]+)`)

// AddLog adds every address of a mail log.
func (k *Keys) AddLog(r io.Reader) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		for _, m := range logged.FindAllStringSubmatch(line, -1) {
			k.Add(m[1])
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Len is how many keys there are.
func (k *Keys) Len() int { return len(k.names) + len(k.addresses) }

// ByTable says which keys each table is asked for.
func (k *Keys) ByTable() map[string][]string {
	names, addresses := sorted(k.names), sorted(k.addresses)
	out := map[string][]string{}
	for _, t := range []string{"domains", "domain-aliases", relay} {
		out[t] = names
	}
	for _, t := range []string{aliases, senders, "maintain", "relay-recipient-verification", transport, "autoreply-transport"} {
		out[t] = addresses
	}
	return out
}

func sorted(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for s := range m {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// OddNames returns the names that a database holds in mixed case, folded.
func OddNames(ctx context.Context, d *db.DB) (map[string]bool, error) {
	odd := map[string]bool{}
	err := eachName(ctx, d, func(s string) {
		if f := store.Fold(s); f != s {
			odd[f] = true
		}
	})
	return odd, err
}

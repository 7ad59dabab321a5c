package lookup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store"
)

// rows builds a snapshot from lines such as
//
//	domain example.test [relay|other] [off]
//	domainalias alias.test -> example.test [off]
//	box user@example.test [inactive] [sendonly] [master] [moving] [noself] [email=x@y] [password=…]
//	alias info@example.test -> a@b c@d [off] [internal] [expire=2020-01-02]
//	sender extra@example.test -> user@example.test
//	transport relay.test -> relay:[192.0.2.1]:25
//	access relay.test -> reject_unverified_recipient
//	autoreply autoreply.example.test -> autoreply:
//
// Boxes get their self-alias, domain aliases their @alias, as Modoboa makes
// them. Ids count up by kind.
type rows struct {
	t       testing.TB
	b       *store.Builder
	domains map[string]uint32
	boxes   map[string]uint32
	aliases map[string]uint32
	next    map[string]uint32
	late    []func() // recipients, once everything they may point to is there
}

func load(t testing.TB, text string) *store.Snapshot {
	t.Helper()
	r := &rows{t: t, b: store.NewBuilder(), domains: map[string]uint32{}, boxes: map[string]uint32{}, aliases: map[string]uint32{}, next: map[string]uint32{}}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			r.line(line)
		}
	}
	for _, f := range r.late {
		f()
	}
	return r.b.Build(time.Now())
}

func (r *rows) id(kind string) uint32 { r.next[kind]++; return r.next[kind] }

func (r *rows) line(line string) {
	words := fieldsQuoted(line)
	kind, name, rest := words[0], words[1], words[2:]
	var to []string
	opts := map[string]string{}
	for _, w := range rest {
		k, v, isOpt := strings.Cut(w, "=")
		switch {
		case w == "->":
		case isOpt && !strings.Contains(k, "@") || slices.Contains([]string{"off", "relay", "other", "inactive", "sendonly", "master", "moving", "noself", "internal"}, w):
			opts[k] = v
		default:
			to = append(to, w)
		}
	}
	has := func(o string) bool { _, ok := opts[o]; return ok }
	switch kind {
	case "domain":
		typ := store.LocalDomain
		if has("relay") {
			typ = store.RelayDomain
		} else if has("other") {
			typ = store.OtherDomain
		}
		id := r.id(kind)
		r.domains[store.Fold(name)] = id
		r.b.AddDomain(store.Domain{ID: id, Name: name, Type: typ, Enabled: !has("off")})
	case "domainalias":
		r.b.AddDomainAlias(store.DomainAlias{ID: r.id(kind), Name: name, TargetID: r.domains[to[0]], Enabled: !has("off")})
		r.alias("@"+name, []string{"@" + to[0]}, 0, true, true, 0)
	case "box":
		r.box(name, has, opts)
	case "alias":
		var expire int64
		if v := opts["expire"]; v != "" {
			at, err := time.Parse("2006-01-02", v)
			if err != nil {
				r.t.Fatal(err)
			}
			expire = at.UnixMicro()
		}
		_, domain, _ := strings.Cut(name, "@")
		r.alias(name, to, r.domains[store.Fold(domain)], !has("off"), has("internal"), expire)
	case "sender":
		r.b.AddSenderAddress(store.SenderAddress{ID: r.id(kind), Address: name, MailboxID: r.boxes[to[0]]})
	case "transport":
		service, hop, _ := strings.Cut(to[0], ":")
		r.b.AddTransport(store.Transport{ID: r.id(kind), Pattern: name, Service: service, NextHop: hop})
	case "access":
		r.b.AddRecipientAccess(store.RecipientAccess{ID: r.id(kind), Pattern: name, Action: to[0]})
	case "autoreply":
		r.b.AddAutoreplyTransport(store.AutoreplyTransport{ID: r.id(kind), Domain: name, Method: to[0]})
	default:
		r.t.Fatalf("rows: unknown kind in %q", line)
	}
}

func (r *rows) box(address string, has func(string) bool, opts map[string]string) {
	at := strings.LastIndexByte(address, '@')
	id := r.id("box")
	email := address
	if has("email") {
		email = opts["email"]
	}
	password := "{PLAIN}secret"
	if has("password") {
		password = opts["password"]
	}
	r.b.AddAccount(store.Account{ID: id, Username: address, Email: email, Password: password, Active: !has("inactive"), Master: has("master"), Local: true})
	r.b.AddMailbox(store.Mailbox{ID: id, Local: address[:at], DomainID: r.domains[store.Fold(address[at+1:])], AccountID: id, SendOnly: has("sendonly"), Quota: 1024})
	r.b.AddQuotaUsage(store.QuotaUsage{Username: address, Bytes: 10 << 20, Messages: 7})
	r.boxes[store.Fold(address)] = id
	if has("moving") {
		r.b.AddMailboxOperation(store.MailboxOperation{ID: r.id("op"), MailboxID: id})
	}
	if !has("noself") {
		r.alias(address, []string{address}, r.domains[store.Fold(address[at+1:])], true, true, 0)
	}
}

func (r *rows) alias(address string, to []string, domain uint32, enabled, internal bool, expire int64) {
	id := r.id("alias")
	if _, ok := r.aliases[address]; !ok || !internal {
		r.aliases[address] = id
	}
	r.b.AddAlias(store.Alias{ID: id, Address: address, DomainID: domain, Enabled: enabled, Internal: internal, ExpireAt: expire})
	r.late = append(r.late, func() {
		for _, rcpt := range to {
			row := store.Recipient{ID: r.id("rcpt"), Address: rcpt, AliasID: id}
			plain := rcpt
			if at := strings.LastIndexByte(rcpt, '@'); at > 0 {
				if plus := strings.IndexByte(rcpt[:at], '+'); plus > 0 {
					plain = rcpt[:plus] + rcpt[at:]
				}
			}
			if box, ok := r.boxes[store.Fold(plain)]; ok {
				row.MailboxID = box
			} else if a, ok := r.aliases[rcpt]; ok && rcpt != address {
				row.TargetID = a
			}
			r.b.AddRecipient(row)
		}
	})
}

// fieldsQuoted splits at spaces but not inside back quotes.
func fieldsQuoted(s string) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] == '`' {
			word, rest, ok := strings.Cut(s[1:], "`")
			if !ok {
				panic(fmt.Sprintf("unclosed quote: %s", s))
			}
			out, s = append(out, word), rest
			continue
		}
		word, rest, _ := strings.Cut(s, " ")
		out, s = append(out, word), rest
	}
	return out
}

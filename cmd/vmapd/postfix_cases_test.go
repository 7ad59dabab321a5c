package main_test

import "github.com/vmapd/vmapd/cmd/vmapd/internal/mailtest"

// postfixCase is one mail and what has to become of it. The accounts are in
// testdata/postfix/data.sql; the notation of outcomes is that of
// mailtest.Outcome.Summary.
type postfixCase struct {
	mailtest.Message
	want string // with SQL maps; with vmapd too unless the next fields say otherwise

	// vmapd is what vmapd does on purpose where the SQL maps misbehave; why says
	// what is wrong with them.
	vmapd, why string
	// fixed is the version of Postfix from which on its SQL maps do the same.
	fixed string
	// lean is the outcome with virtual_mailbox_maps in place of a probe of every
	// recipient, where it is another one.
	lean string
}

// to makes a case of mail from elsewhere.
func to(name, recipient, want string) postfixCase {
	return postfixCase{Message: mailtest.Message{Name: name, To: []string{recipient}}, want: want}
}

// as makes a case of mail from a given sender without a login.
func as(name, sender, recipient, want string) postfixCase {
	c := to(name, recipient, want)
	c.From = sender
	return c
}

// submit makes a case of mail that an account hands in.
func submit(name, login, sender, recipient, want string) postfixCase {
	c := as("submission: "+name, sender, recipient, want)
	c.Login, c.Service = login+":secret", mailtest.Submission
	return c
}

// submitOld makes a case for the sender login rules of Modoboa 1.10.
func submitOld(name, login, sender, want string) postfixCase {
	c := submit("1.10, "+name, login, sender, "friend@far.test", want)
	c.Service = mailtest.SubmissionOld
	return c
}

// but says what vmapd does otherwise, and why.
func (c postfixCase) but(vmapd, why string) postfixCase {
	c.vmapd, c.why = vmapd, why
	return c
}

// since says from which version of Postfix on its SQL maps do as vmapd does.
func (c postfixCase) since(version string) postfixCase {
	c.fixed = version
	return c
}

// leanly says what happens with virtual_mailbox_maps.
func (c postfixCase) leanly(lean string) postfixCase {
	c.lean = lean
	return c
}

// and adds a recipient.
func (c postfixCase) and(recipient string) postfixCase {
	c.To = append(c.To, recipient)
	return c
}

// Outcomes that many cases share.
const (
	toFriend   = "250 2.1.5 -> smtp friend@far.test"
	noUser     = "550 5.1.1"
	noRelay    = "554 5.7.1"
	maintained = "450 4.7.1"
	notOwner   = "553 5.7.1"
	// Accepted, then returned: without probes Postfix takes every address that
	// virtual_alias_maps answers for a good one, and so each address of a domain
	// alias, an alias that leads nowhere and the self-alias of any mailbox.
	bounced = "250 2.1.5 -> smtp bounce TAG@far.test"
)

// latin1 is why SQL maps of an old Postfix find no UTF-8 address.
const latin1 = "before 3.8 Postfix speaks LATIN1 with PostgreSQL (pgsql_table(5), encoding), which takes a key in UTF-8 for another word"

// postfixCases returns all cases.
func postfixCases() []postfixCase {
	var all []postfixCase
	for _, group := range [][]postfixCase{mailboxCases(), aliasCases(), domainAliasCases(), relayCases(), refusedCases(), senderCases(), oldSenderCases()} {
		all = append(all, group...)
	}
	return all
}

func mailboxCases() []postfixCase {
	return []postfixCase{
		to("mailbox", "user@home.test", "250 2.1.5 -> lmtp user@home.test"),
		to("upper case", "USER@Home.TEST", "250 2.1.5 -> lmtp user@home.test"),
		to("mailbox and extension", "second+news@home.test", "250 2.1.5 -> lmtp second+news@home.test"),
		to("upper case and extension", "SECOND+News@home.test", "250 2.1.5 -> lmtp second+News@home.test"),
		to("extension of two parts", "user+a+b@home.test", "250 2.1.5 -> lmtp user+a+b@home.test"),
		to("empty extension", "user+@home.test", "250 2.1.5 -> lmtp user+@home.test").leanly(noUser),
		to("mailbox with a + in its name", "real+plus@home.test", "250 2.1.5 -> lmtp real+plus@home.test"),
		as("null sender", "<>", "second@home.test", "250 2.1.5 -> lmtp second@home.test"),
		to("two recipients", "user@home.test", "250 2.1.5; 250 2.1.5 -> lmtp third@home.test, lmtp user@home.test").and("third@home.test"),
		to("one good, one bad recipient", "user@home.test", "250 2.1.5; 550 5.1.1 -> lmtp user@home.test").and("nobody@home.test"),
		to("apostrophe", "o'brien@home.test", "250 2.1.5 -> lmtp o'brien@home.test"),
		to("needlessly quoted", `"user"@home.test`, "250 2.1.5 -> lmtp user@home.test"),
		to("quoted local part", `"two words"@home.test`, `250 2.1.5 -> lmtp "two words"@home.test`),
		to("quoted local part and extension", `"two words+x"@home.test`, `250 2.1.5 -> lmtp "two words+x"@home.test`),
		to("quoted local part, unknown", `"three words"@home.test`, noUser),
		to("UTF-8 local part", "jörg@home.test", "250 2.1.5 -> lmtp jörg@home.test"),
		to("UTF-8 local part in upper case", "JÖRG@home.test", "250 2.1.5 -> lmtp JÖRG@home.test").
			but("250 2.1.5 -> lmtp jörg@home.test", latin1).since("3.8"),
		to("account inactive", "inactive@home.test", "250 2.1.5 -> lmtp inactive@home.test"),
		to("send-only mailbox", "sendonly@home.test", noUser).leanly(bounced),
		to("transport of one address", "special@home.test", "250 2.1.5 -> relay special@home.test"),
		to("transport of one address, extension", "special+x@home.test", "250 2.1.5 -> relay special+x@home.test"),
		to("mailbox under maintenance", "moving@home.test", maintained),
		to("mailbox under maintenance, upper case", "Moving@Home.test", maintained),
		to("mailbox under maintenance, extension", "moving+x@home.test", maintained),
		to("alias of a mailbox under maintenance", "tomoving@home.test", "250 2.1.5 -> lmtp moving@home.test"),
	}
}

func aliasCases() []postfixCase {
	team := "lmtp second@home.test, lmtp user@home.test, smtp outside@far.test"
	nested := "250 2.1.5 -> lmtp second@home.test, lmtp third@home.test, lmtp user@home.test, smtp outside@far.test"
	return []postfixCase{
		to("alias, local and outside", "team@home.test", "250 2.1.5 -> "+team),
		to("alias, upper case", "TEAM@HOME.TEST", "250 2.1.5 -> "+team),
		to("alias and extension", "team+x@home.test", "250 2.1.5 -> lmtp second+x@home.test, lmtp user+x@home.test, smtp outside+x@far.test"),
		to("alias of an alias", "nested@home.test", nested),
		to("alias of an alias of an alias", "deeper@home.test", nested),
		to("alias of an alias, extension", "nested+x@home.test", "250 2.1.5 -> lmtp second+x@home.test, lmtp third+x@home.test, lmtp user+x@home.test, smtp outside+x@far.test"),
		to("alias to a mailbox with extension", "list@home.test", "250 2.1.5 -> lmtp user+list@home.test"),
		to("alias with extension to a mailbox with extension", "list+y@home.test", "250 2.1.5 -> lmtp user+list+y@home.test"),
		to("alias and one of its members", "team@home.test", "250 2.1.5; 250 2.1.5 -> lmtp second@home.test, lmtp user@home.test, lmtp user@home.test, smtp outside@far.test").and("user@home.test"),
		to("alias to an address of a domain alias", "todomainalias@home.test", "250 2.1.5 -> lmtp user@home.test"),
		to("alias to a caught address", "tocatch@home.test", "250 2.1.5 -> lmtp user@home.test"),
		to("alias to both halves of a split domain", "tosplit@home.test", "250 2.1.5 -> lmtp local@split.test, relay remote@split.test"),
		to("forward", "gone@home.test", "250 2.1.5 -> smtp away@far.test"),
		to("forward with a copy", "copy@home.test", "250 2.1.5 -> lmtp copy@home.test, smtp away@far.test"),
		to("alias in a relay domain", "info@relay.test", "250 2.1.5 -> lmtp user@home.test"),
		to("alias that ends in the future", "later@home.test", "250 2.1.5 -> lmtp user@home.test"),
		to("alias with a quoted local part", `"the team"@home.test`, noUser).leanly(bounced), // smtpd asks for both forms, cleanup(8) for the quoted one alone
		to("alias to a quoted local part", "words@home.test", `250 2.1.5 -> lmtp "two words"@home.test`),
		to("disabled alias", "disabled@home.test", noUser),
		to("expired alias", "expired@home.test", noUser),
		to("alias to a disabled alias", "todisabled@home.test", noUser).leanly(bounced),
		to("alias stored in mixed case", "shouted@home.test", noUser).
			but("250 2.1.5 -> lmtp user@home.test", "Postfix asks in lower case, which PostgreSQL does not find among names that an old Modoboa stored as typed"),
		to("catch-all", "whoever@catch.test", "250 2.1.5 -> lmtp user@home.test"),
		to("catch-all, quoted local part", `"who ever"@catch.test`, "250 2.1.5 -> lmtp user@home.test"),
		to("catch-all, extension", "whoever+x@catch.test", "250 2.1.5 -> lmtp user@home.test"),
		to("catch-all, mailbox", "real@catch.test", "250 2.1.5 -> lmtp real@catch.test"),
		to("catch-all, mailbox and extension", "real+x@catch.test", "250 2.1.5 -> lmtp real+x@catch.test"),
		to("catch-all, mailbox without its self-alias", "reborn@catch.test", "250 2.1.5 -> lmtp user@home.test"),
	}
}

func domainAliasCases() []postfixCase {
	return []postfixCase{
		to("domain alias", "user@alias.test", "250 2.1.5 -> lmtp user@home.test"),
		to("domain alias, upper case", "User@ALIAS.test", "250 2.1.5 -> lmtp user@home.test"),
		to("domain alias and extension", "user+x@alias.test", "250 2.1.5 -> lmtp user+x@home.test"),
		to("domain alias, alias", "team@alias.test", "250 2.1.5 -> lmtp second@home.test, lmtp user@home.test, smtp outside@far.test"),
		to("domain alias, unknown user", "nobody@alias.test", noUser).leanly(bounced),
		to("domain alias, quoted local part", `"nobody at all"@alias.test`, noUser).leanly(bounced),
		to("domain alias of a domain with catch-all", "whoever@aliascatch.test", "250 2.1.5 -> lmtp user@home.test"),
		to("domain alias of a relay domain", "someone@aliasrelay.test", "250 2.1.5 -> relay someone@relay.test"),
		to("domain alias disabled", "user@aliasoff.test", noRelay),
		to("domain alias of a disabled domain", "lost@aliasdead.test", noRelay),
		to("domain alias, mailbox under maintenance", "moving@alias.test", "250 2.1.5 -> lmtp moving@home.test"),
	}
}

func relayCases() []postfixCase {
	return []postfixCase{
		to("relay domain, verified", "someone@relay.test", "250 2.1.5 -> relay someone@relay.test"),
		to("relay domain, case kept", "SomeOne@Relay.test", "250 2.1.5 -> relay SomeOne@Relay.test"),
		to("relay domain, extension", "someone+x@relay.test", "250 2.1.5 -> relay someone+x@relay.test"),
		to("relay domain, unknown there", "nobody@relay.test", noUser),
		to("relay domain without verification", "someone@open.test", "250 2.1.5 -> relay someone@open.test"),
		to("relay domain without verification, unknown there", "nobody@open.test", noUser).
			leanly(bounced),
		to("sub-domain of a relay domain", "someone@sub.relay.test", "250 2.1.5 -> smtp someone@sub.relay.test"),
		to("relay domain disabled", "someone@gone.test", noRelay),
		to("relay domain, transport by parent pattern", "someone@deep.wild.test", "250 2.1.5 -> relay someone@deep.wild.test"),
		to("sub-domain of a relay domain, transport by parent pattern", "someone@more.deep.wild.test", "250 2.1.5 -> relay someone@more.deep.wild.test"),
		to("split domain, local user", "local@split.test", "250 2.1.5 -> lmtp local@split.test"),
		to("split domain, local user in upper case", "LOCAL@Split.test", "250 2.1.5 -> lmtp local@split.test"),
		to("split domain, local user and extension", "local+x@split.test", "250 2.1.5 -> lmtp local+x@split.test"),
		to("split domain, remote user", "remote@split.test", "250 2.1.5 -> relay remote@split.test"),
		to("split domain, remote user and extension", "remote+x@split.test", "250 2.1.5 -> relay remote+x@split.test"),
		to("split domain, inactive local user", "sleepy@split.test", "250 2.1.5 -> relay sleepy@split.test"),
	}
}

func refusedCases() []postfixCase {
	return []postfixCase{
		to("unknown user", "nobody@home.test", noUser),
		to("unknown user and extension", "nobody+x@home.test", noUser),
		to("unknown domain", "user@nowhere.test", noRelay),
		to("sub-domain of a local domain", "user@sub.home.test", noRelay),
		to("disabled domain", "lost@off.test", noRelay),
		to("address literal", "user@[192.0.2.7]", noRelay),
		to("routed address", "user%far.test@home.test", noRelay),
		to("two @ signs", `"user@far.test"@home.test`, noRelay),
		to("postmaster without a domain", "postmaster", bounced),
		as("local sender, no login", "user@home.test", "second@home.test", notOwner),
		as("local sender in upper case, no login", "USER@HOME.TEST", "second@home.test", notOwner),
		as("local sender of a domain alias, no login", "user@alias.test", "second@home.test", notOwner),
		as("extra sender address, no login", "friend@elsewhere.test", "second@home.test", notOwner),
		as("extra sender domain, no login", "anyone@brand.test", "second@home.test", notOwner),
		as("unknown local sender, no login", "nobody@home.test", "second@home.test", "250 2.1.5 -> lmtp second@home.test"),
	}
}

func senderCases() []postfixCase {
	outside := func(name, login, sender, want string) postfixCase {
		return submit(name, login, sender, "friend@far.test", want)
	}
	wrong := outside("wrong password", "user@home.test", "user@home.test", "auth 535 5.7.8; "+notOwner)
	wrong.Login = "user@home.test:wrong"
	nobody := outside("unknown login", "nobody@home.test", "user@home.test", "auth 535 5.7.8; "+notOwner)
	missing := outside("no login", "", "user@home.test", notOwner)
	missing.Login = ""
	mx := submit("login on the mail exchanger", "user@home.test", "user@home.test", "second@home.test", "250 2.1.5 -> lmtp second@home.test")
	mx.Service = mailtest.MX
	return []postfixCase{
		outside("own address", "user@home.test", "user@home.test", toFriend),
		outside("own address, upper case", "user@home.test", "USER@Home.Test", toFriend),
		outside("login in upper case", "USER@HOME.TEST", "user@home.test", toFriend),
		submit("to a local mailbox", "user@home.test", "user@home.test", "second@home.test", "250 2.1.5 -> lmtp second@home.test"),
		submit("to a catch-all", "user@home.test", "user@home.test", "whoever@catch.test", "250 2.1.5 -> lmtp user@home.test"),
		submit("to a local alias", "user@home.test", "user@home.test", "nested@home.test", "250 2.1.5 -> lmtp second@home.test, lmtp third@home.test, lmtp user@home.test, smtp outside@far.test"),
		submit("to an unknown local user", "user@home.test", "user@home.test", "nobody@home.test", "250 2.1.5 -> lmtp bounce user@home.test").leanly(noUser),
		submit("to aliases in a ring", "user@home.test", "user@home.test", "ping@home.test", "250 2.1.5; data 451 4.6.0"),
		outside("null sender with a login", "user@home.test", "<>", toFriend),
		outside("alias as sender", "user@home.test", "team@home.test", toFriend),
		outside("alias as sender, not a member", "third@home.test", "team@home.test", notOwner),
		outside("alias of an alias as sender, member of the inner one", "user@home.test", "nested@home.test", notOwner),
		outside("alias of an alias as sender, member of the outer one", "third@home.test", "nested@home.test", toFriend),
		outside("expired alias as sender", "user@home.test", "expired@home.test", toFriend),
		outside("disabled alias as sender", "user@home.test", "disabled@home.test", notOwner),
		outside("extra sender address", "user@home.test", "friend@elsewhere.test", toFriend),
		outside("extra sender address of another", "second@home.test", "friend@elsewhere.test", notOwner),
		outside("extra sender domain", "second@home.test", "anyone@brand.test", toFriend),
		outside("extra sender domain of another", "user@home.test", "anyone@brand.test", notOwner),
		outside("domain alias as sender", "user@home.test", "user@alias.test", toFriend),
		outside("disabled domain alias as sender", "user@home.test", "user@aliasoff.test", toFriend),
		outside("alias of a domain alias as sender", "second@home.test", "team@alias.test", toFriend),
		outside("own address and extension", "user@home.test", "user+x@home.test", toFriend),
		outside("caught address as sender", "user@home.test", "whoever@catch.test", notOwner),
		outside("address of another", "user@home.test", "second@home.test", notOwner),
		outside("unknown address of the own domain", "user@home.test", "nobody@home.test", notOwner),
		outside("unknown domain as sender", "user@home.test", "x@nowhere.test", notOwner),
		outside("inactive account as sender of another", "user@home.test", "inactive@home.test", notOwner),
		outside("send-only mailbox", "sendonly@home.test", "sendonly@home.test", toFriend),
		outside("UTF-8 sender", "jörg@home.test", "jörg@home.test", notOwner).
			but(toFriend, latin1).since("3.8"),
		wrong, nobody, missing, mx,
	}
}

func oldSenderCases() []postfixCase {
	return []postfixCase{
		submitOld("own address", "user@home.test", "user@home.test", toFriend),
		submitOld("own address and extension", "user@home.test", "user+x@home.test", toFriend),
		submitOld("alias as sender", "second@home.test", "team@home.test", toFriend),
		submitOld("alias as sender, extension", "second@home.test", "team+x@home.test", toFriend),
		submitOld("alias as sender, not a member", "third@home.test", "team@home.test", notOwner),
		submitOld("caught address as sender", "user@home.test", "whoever@catch.test", toFriend),
		submitOld("caught address as sender, not the owner", "second@home.test", "whoever@catch.test", notOwner),
		submitOld("mailbox below a catch-all", "user@home.test", "real@catch.test", notOwner),
		submitOld("extra sender address", "user@home.test", "friend@elsewhere.test", toFriend),
		submitOld("extra sender domain", "second@home.test", "anyone@brand.test", toFriend),
		submitOld("domain alias as sender", "user@home.test", "user@alias.test", notOwner),
		submitOld("address of another", "user@home.test", "second@home.test", notOwner),
	}
}

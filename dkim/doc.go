// Package dkim signs messages (RFC 6376, RFC 8301, RFC 8463): canonical forms,
// the author's domain, lists of fields, keys. It knows no network and no files.
//
// # A message
//
// A [Message] takes a message in pieces and in order, as a milter gets it:
//
//	m.Reset(&options)
//	m.Field(name, value, leadspc)     // for every field
//	domain, why := m.Author()         // whose key is wanted
//	m.StartBody(keys)
//	m.Body(chunk)                     // for every chunk
//	values, err := m.Sign(ctx)        // one DKIM-Signature for every key
//
// The body is read once, for any number of keys, and never kept; of the fields
// only those are kept that may be signed, up to Options.MaxHeader. All work is
// linear in what comes in. A Message is reused: its buffers last.
//
// # What is signed
//
// Every instance of the fields in [Headers] that the message has, and for some
// names one more than it has (oversigning), so that nobody can add another one
// without breaking the signature. Never DKIM-Signature itself, nor what
// others add on the way. No l= is made, so nothing can be appended to a body.
//
// # The author
//
// A message is signed for the domain in its From field, and only if there is
// exactly one From with exactly one mailbox. net/mail is not fit to find it: it
// wants to understand names, and fails at foreign charsets and at names with
// marks that should have been quoted. The scanner here looks for the address
// alone. What may be read in two ways is [Malformed], never guessed.
//
// # Octets
//
// What is signed is what leaves the MTA: lines end with CRLF. A lone LF is
// taken as a line end, a lone CR as an ordinary octet, which is counted. A
// body without a final CRLF is taken as if it had one.
package dkim

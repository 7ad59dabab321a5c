// Package dnscheck asks DNS whether a DKIM key is published, and judges the
// answer. It never takes part in signing: what it finds is shown, counted, and
// waited for when keys are rotated.
//
// # Looking
//
// Checker.Check asks the configured resolvers, as a verifier elsewhere would.
// Checker.Everywhere asks each authoritative server of the zone that holds the
// record, following a CNAME into the zone it points to: when all of them show
// the key, no verifier that looks now can miss it. Both give a Result; its Code
// says what was found, Detail and Remedy say it to people, and Works says
// whether a verifier that sees this record can verify the key's signatures.
//
// Keys are compared, not texts: an RSA key may be published as
// SubjectPublicKeyInfo or as the bare RSAPublicKey (RFC 6376 erratum 3017), tags
// may come in any order, and a record may be split anywhere.
//
// A look-up without a definite answer (a time-out, SERVFAIL) is Temp: it says
// nothing about the record, so the result carries what was found last, and
// when. An answer marked AD was validated by the resolver; that is shown, and
// decides nothing, for it is worth only as much as the way to the resolver.
//
// # Watching
//
// Watcher checks all keys about every hour, evenly spread, and new ones soon
// after they appear.
//
// # Publishing
//
// Zone, Line and Publication give the forms in which people publish a record.
//
// DNS itself is asked through internal/resolve, which bounds and keeps what is
// asked.
package dnscheck

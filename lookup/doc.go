// Package lookup answers requests from a snapshot.
//
// A [Table] is one Postfix lookup table: a pure function of a snapshot and a
// key. [Tables] lists them; a [Resolver] finds the table and the snapshot that
// a request wants and says one of three things: found, not there, cannot say.
//
// # Keys
//
// Postfix asks a SQL map several times for one address: the address itself,
// the address without its +extension, @domain, the domain, its parents. It
// asks a socketmap or tcp table once, for the full key as the client spelled
// it (postfix src/global/mail_addr_find.c; src/util/dict_sockmap.c sets
// DICT_FLAG_PATTERN). The tables here therefore take all those steps
// themselves, in Postfix's order, and fold case as Postfix would have done for
// a SQL map.
//
// # No data is not an answer
//
// "Not found" is said only from a loaded snapshot that is not too old. Before
// there is one, requests are held for Options.Hold, because smtpd processes
// remember a temporary error for a pair of addresses until they end; only
// then does the Resolver return an error.
package lookup

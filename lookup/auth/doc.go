// Package auth speaks Dovecot's two authentication protocols, the side of the
// server: auth-client, in which login processes, Postfix, Exim and "doveadm
// auth test" have passwords checked, and auth-master, in which LMTP, doveadm,
// quota-status and post-login processes ask about users. It knows the wire and
// SASL alone: who exists and which password is right is the business of the
// functions of [Server].
//
// # Lines
//
// Both protocols are lines of fields with a TAB between them; a CR before the
// LF is stripped. In a field the bytes NUL, 0x01, TAB, LF and CR are written as
// 0x01 followed by 0, 1, t, n and r (src/lib/strescape.c of Dovecot). No line
// that is sent is longer than [MaxReply] bytes: Exim, and Dovecot in places,
// read no more. No line that is received may be longer than [MaxLine] bytes.
//
// # auth-client
//
// The server speaks first and at once, because Exim waits for it (| is LF,
// spaces are TABs):
//
//	VERSION 1 2 | MECH PLAIN plaintext | SPID 4242 | CUID 1 | COOKIE <32 hex digits> | DONE
//
// The client's first lines are VERSION and CPID. Then, in any order, many at a
// time, each with an id that the client chose:
//
//	AUTH id mechanism service=imap ... [resp=base64]
//	CONT id base64
//	CANCEL id
//
// and the server's answers, as they come:
//
//	CONT id base64
//	OK id user=login ...
//	FAIL id [user=login] [code=...] [reason=...]
//	CANCELLED id                      to clients that say VERSION 1 4 or more
//
// resp= without a value is the same as none, as Exim means it; "=" is the
// empty response (src/auth/auth-request-handler.c). Clients of version 2.4
// write protocol= where others write service=.
//
// # Temporary failures
//
// What cannot be said now is FAIL with code=temp_fail. Postfix ignores that
// code and tells its client that the password is wrong; it answers "try again
// later" only if the connection closes, and so does Exim. Both call themselves
// service=smtp, which no Dovecot process does: for that service a temporary
// failure closes the connection, [Limits].Hangup later. For the same reason
// their requests are decided within 8 seconds - Postfix waits for 10.
//
// # auth-master
//
//	USER id user service=lmtp ...     USER id user uid=... | NOTFOUND id | FAIL id
//	PASS id user service=...          PASS id user=... | NOTFOUND id | FAIL id
//	LIST id [user=mask] ...           LIST id user | ... | DONE id [fail]
//	REQUEST id pid id' cookie ...     USER id user uid=... auth_mech=PLAIN | NOTFOUND id | FAIL id
//	CACHE-FLUSH id [user ...]         OK id count
//
// after a greeting of VERSION 1 1 and SPID. What a client may ask is said by
// its [Rights]. There is no answer to a CANCEL here; it ends a LIST.
//
// # The hand-over
//
// A login that succeeded, and does not say nologin, is kept for the process
// that takes over the session. That process asks with REQUEST and names the
// login process (CPID), the id of the login and the cookie of its connection.
// The login is given once, only for that cookie, only to the process that
// session_pid names if the kernel knows the peer, and only until CANCEL, the
// end of the login connection or 150 seconds. So one Server must serve both
// sockets. Two connections may have the same CPID - an old one that is about
// to be closed, or one of another container: the cookie tells them apart.
//
// # What is refused
//
// An unknown command, a command with broken fields, a client of another major
// version and a line that is too long end the connection with a
// [ProtocolError], as in Dovecot's own server. Unknown fields are ignored. A
// mechanism that is not offered, a response that is not base64 or not what the
// mechanism wants is a FAIL.
//
// # Work and time
//
// All commands but the slow part of a check ([Rest]) and LIST are answered by
// the goroutine that reads, in the order of arrival. A slow part and a LIST
// have a goroutine each; answers that are held back and deadlines share one
// per connection, which exists while there are any. They all end with the
// connection. A connection may have [Limits].InFlight requests open; what is
// more is a temporary failure.
//
// A client that does not read stops its own connection only, which stops
// reading in turn, and loses it after [Limits].Write, or [Limits].List in the
// middle of a LIST: doveadm may do long work for each user.
//
// Passwords are in memory that is overwritten once the check is over.
package auth

// Package resolve asks DNS, as long as it takes to have a definite answer, and
// within limits. What is asked for and what becomes of the answer is the
// business of others: dkim/dnscheck, admin/dnschecks.
//
// [Client.Lookup] asks the resolvers and keeps answers, [Client.Fresh] asks
// anew, [Client.Direct] asks one authoritative server. NXDOMAIN and an empty
// NOERROR are answers; a time-out, SERVFAIL and REFUSED are errors, for they say
// nothing about the name. An answer marked AD was validated by the resolver; that
// is shown, and decides nothing, for it is worth only as much as the way to the
// resolver.
//
// # Limits
//
// Each server is tried twice, beginning with another one each time; a
// truncated answer is asked for again by TCP; one look-up takes at most
// Options.Timeout, and at most Options.Concurrency of them run at the same
// time. Answers are kept for their TTL, at most an hour; the absence of a
// record for as long as the SOA says, at most five minutes. CNAMEs are followed
// inside an answer alone.
//
// DNS itself is behind [Resolver]; only miekg.go knows the library.
// internal/resolve/dnstest has servers for tests.
package resolve

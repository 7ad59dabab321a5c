// Package dnschecks asks DNS what it says of the mail of each domain, judges the
// answers, and says what to do about them.
//
//	c := dnschecks.New(dnschecks.Options{DNS: client})
//	report := c.Check(ctx, domain, settings, false)
//
// # Checks
//
// MX and the addresses behind it, block lists of those addresses (DNSBL), SPF
// with all that it includes, the DKIM keys that sign, DMARC with the consent of
// those who get reports, the names that mail programs look for (autoconfig,
// autodiscover), MTA-STS with its policy file, TLS-RPT. Each gives a [Result]: a
// [State], what was found, what is wrong with it in [Finding]s, each with a
// remedy, and the record to publish where one is missing.
//
// No answer is not an answer: a time-out, SERVFAIL or a refused question gives
// the state Unknown, which opens no alarm, closes none, and leaves what was
// found before as it is. A block list counts only after it has listed the
// address of RFC 5782 that all lists must, and not the one that none may.
//
// # Modoboa
//
// The checks are those of Modoboa, under its parameters (enable_mx_checks,
// valid_mxs, ...), and more. The package admin/dnschecks/results keeps what is
// found where Modoboa keeps it. Names below example, invalid, localhost and test
// are not checked; what counts is the last label, where Modoboa compares all that
// follows the first dot, so that it checks sub.example.test.
//
// # When
//
// A [Runner] checks what is due: each domain once in an interval, at a time that
// its number decides, so that the work is spread evenly and two hosts agree on
// it. What is wrong is looked at again sooner, what could not be said sooner
// still.
//
// The network is reached through internal/resolve, and for policy files through
// HTTPS to public addresses alone.
package dnschecks

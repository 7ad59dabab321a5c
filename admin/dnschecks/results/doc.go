// Package results keeps what DNS checks find, where Modoboa keeps it.
//
//	s := results.New(results.Options{DB: database, Dir: "/var/lib/vmapd/dns"})
//	subjects, err := s.Subjects(ctx)
//	err = s.Keep(ctx, report)
//	report, err := s.Last(ctx, subject.ID, subject.Name)
//
// # Modoboa's tables
//
// admin_mxrecord has the addresses of MX hosts ("managed": within our own
// networks), admin_dnsblresult what block lists say of them ("" is clean, else
// the address they answered with), dnstools_dnsrecord, since Modoboa 1.13, a
// text of each of SPF, DKIM, DMARC, autoconfig and autodiscover, and
// admin_domain.last_dns_check_execution, since 2.7.1, when that was. "updated" is
// the time until which Modoboa takes a row for good. A record that is not there
// has no row; Modoboa reads that as an error.
//
// A row is changed in place as long as it is about the same thing. What DNS could
// not say leaves its rows as they are, and so does a check that was not made.
//
// # The whole report
//
// It goes into vmapd_dns_check where that table is, as in all databases that
// vmapd made, and else into a file per domain in Options.Dir. In a database of
// Modoboa several hosts so have files of their own, and may each check a domain
// on their own in an interval; the rows are the same.
//
// # One transaction
//
// All rows of a report are written together, after those of another writer, so
// that a crash leaves the report before it or this one. A report that is older
// than what is there, or about a domain that is gone or was renamed, is not
// written.
package results

// Package alarm keeps what administrators should be told about: a mailbox that
// is nearly full, a key that is not in DNS, a database that is down. Whoever
// watches something opens an alarm and closes it; the rest is done here.
//
//	b := alarm.New(alarm.Options{Path: "/var/lib/vmapd/alarms.db", Host: "mail.example.org", Database: database, Channels: channels})
//	go b.Run(ctx)
//	b.Open(alarm.MailboxFull, "ann@example.org", "ann@example.org is 97 % full", "970 of 1000 MB")
//	b.Close(alarm.MailboxFull, "ann@example.org")
//
// # Once
//
// An alarm is one of a kind about one subject: a mailbox ("ann@example.org"), a
// domain ("example.org") or this host (""). Opening an open one changes its
// detail in memory and nothing else, closing a closed one nothing at all, so a
// watcher may say again and again what it sees. Both take memory only and wait
// for nobody: they may be called for every message.
//
// # What is kept
//
// Run writes each change into an SQLite file within moments, and from there to
// the table admin_alarm (modoboa/admin/models/alarm.py: status 1 is open, 2 is
// closed). Only what is in the file goes to the database, and it is recognised
// there by its time, so a crash between the two makes no second row. While the
// database is away the file keeps everything; what was opened and closed
// meanwhile becomes a closed row. Alarms that the database has no place for -
// of this host before Modoboa 2.3, all of them before 1.16, and that the
// database itself is down - stay in the file, closed ones for 30 days.
//
// # Several hosts
//
// All share one row: before one is inserted an open one of the same kind,
// domain and mailbox is looked for, in a transaction that others wait for.
// Alarms about a host have its name in their titles and are told apart by
// those. A row that was closed elsewhere - by another host, on a page, in
// Modoboa - is closed here too, and not opened again before its watcher has
// closed it once.
//
// # Who is told
//
// The host that inserted the row tells of it, through each [Channel]: once when
// the alarm is open for longer than the time of grace, and once when it is
// closed. What closes sooner is not told at all. Events that are due together go
// together. A channel that fails is tried again after pauses that grow, also
// after a restart, until the events are a week old. Between the delivery and the
// note of it in the file is a moment in which a crash makes a second delivery;
// the identifiers of the events are the same then.
//
// # Very many at once
//
// When a large host is looked at for the first time, or a limit is changed, there
// may be a hundred thousand alarms. They go into the file and into the database in
// pieces, with pauses between them that leave three quarters of a core to those
// who answer mail servers; so the last of them may come minutes after the first.
//
// # Two processes
//
// While one process takes the place of another both have a Book. A lock on
// Path-lock lets one at a time run; the other one remembers what is opened and
// closed until then.
package alarm

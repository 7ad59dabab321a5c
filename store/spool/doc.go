// Package spool keeps writes that have been acknowledged until a database has
// them. It is made for small values of which the last counts: quota usage,
// last logins, counters.
//
// # The promise
//
// When Put returns nil the writes are on disk: they survive a crash of the
// process and of the machine, and an outage of the database of any length.
// When it returns an error none of them was acknowledged (some may still have
// been kept, if the caller's context ended while they were being written).
//
// # How it works
//
// Writes go into an SQLite file with write-ahead logging and synchronous=FULL.
// One goroutine writes it; all Puts that arrive while the disk is busy share
// the next transaction, hence one fsync. A Put is visible to Get as soon as it
// is durable. The last write of a key, by order of arrival, replaces those
// before it; clocks order nothing.
//
// Run takes the pending writes in batches, oldest key first, to a Sink, the
// database. Every version of a key has a sequence number, and only the version
// that was applied is taken out of the file: a newer one stays. A crash
// between the database's commit and that removal applies a batch again, so a
// Sink must be idempotent.
//
// # When the database fails
//
// A batch that fails is tried again after a pause that grows from Options.Retry
// to Options.MaxRetry, and with half as many rows each time, down to one: a row
// that cannot be written goes to the end of the queue and the others pass it.
// An error that is ErrRefused says that the database will never take the data.
// Then the batch is bisected at once, and the rows at fault are set aside in
// the table "dead" of the file with the reason (Dead lists them, Revive puts
// them back). A newer write of the same key replaces one that was set aside.
//
// # When the disk fails
//
// A Put that finds the disk full fails with a *StorageError and acknowledges
// nothing; the next one works if there is space again. Applied batches are
// remembered in memory until they can be taken out of the file.
//
// A damaged file is never overwritten: it is moved aside as
// path.damaged-TIME, Options.OnError is told with a *DamagedError, Stats shows
// where it went, and an empty file takes its place. Refusing to start would
// only turn the writes that may be lost (those of an outage) into mail that is
// not answered. "sqlite3 FILE .recover" reads what is left of it.
//
// # Two processes
//
// Two processes may have the file open, as when a new daemon takes over from an
// old one. Both may Put; each finds what the other wrote. Only one at a time
// runs a Sink, or an older version of a key could overtake a newer one: Run
// waits for a lock on path-drain, which the kernel releases when its holder
// ends. A lock on path-lock keeps anyone from moving aside a file that another
// process still writes.
package spool

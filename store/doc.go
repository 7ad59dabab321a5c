// Package store holds the accounts in memory and finds them.
//
// A [Snapshot] is an immutable, fully indexed copy of what the database says.
// The only way to make one is a [Builder], which a [Source] fills from one
// consistent view; a [Store] keeps the current one behind an atomic pointer,
// so that readers never wait and never see half of a change.
//
// # Shape in memory
//
// Every address, domain name and pattern is stored once, as a symbol in a
// chunked arena; the symbol's record carries the heads of the lists of rows
// that bear it (aliases, mailbox, account, sender addresses). Rows live in
// chunked, pointer-free columns, so a snapshot of ten million keys costs the
// collector nothing, grows without ever copying, and finds any row with one
// hash probe.
//
// Reads go through Snapshot's methods alone, never through the columns.
//
// # Changes
//
// [Snapshot.Edit] gives a Builder that shares the chunks of a snapshot and
// copies those in which something changes: the next snapshot costs what
// changed, and whoever reads the old one never notices. A [Follower] says what
// changed; [Store.Run] applies it, audits it and keeps a copy on disk.
//
// # Names
//
// All names are folded by [Fold] when they come in, and callers fold their
// keys with the same function before they ask. What must never reach a mail
// server (control bytes, invalid UTF-8, empty names) is left out and listed as
// a [Problem], as are names that collide once folded.
//
// The package knows no SQL, no protocol, no logger and no metrics.
package store

// Package usage knows how full mailboxes are. Mail servers report it, in
// absolute figures or as increments; it is answered from memory at once, kept
// in a journal until the database has it, and never read back from there.
//
// # Which figure counts
//
// The last one that was reported, as long as the snapshot may be older than it:
// until the journal has passed it on and the snapshot was read, or known to be
// true, after that. From then on it is the database's, so that a correction
// made there is seen.
//
// # Increments
//
// An increment needs a figure to begin with. Where there is none, or the result
// would be negative, Apply fails with ErrUnknown and nothing has changed: the
// mail server then counts the mailbox and reports absolute figures. Reports of
// one mailbox are applied one after the other, in the order in which Apply was
// called, by the journal too.
//
// # Failures
//
// If the journal cannot keep a report, the figure is what it was before, unless
// another report came meanwhile.
package usage

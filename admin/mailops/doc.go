// Package mailops carries out what Modoboa has queued for the folders of
// mailboxes: the rows of admin_mailboxoperation.
//
//	type    argument       mailbox_id
//	rename  its old home   the mailbox, whose address says the new home
//	delete  its home       null
//
// A [Runner] reads the rows, in order, has each carried out, and deletes it once
// that is on disk. What cannot be carried out keeps its row; the result says why
// and what to do, once also in Modoboa's log (core_log), and it is tried again
// less and less often.
//
// # Files
//
// [Files] works on the folders itself, as their owner. It reaches below one
// root and nowhere else: every component of a path is opened by itself, below
// the one before, and never through a symbolic link, so none can lead elsewhere
// even if it is put there meanwhile. Paths that are relative, that have a "..",
// or that are less or more than the home of a mailbox are refused.
//
// All steps are renames of a folder below its own parent, or of a whole folder
// to its new place; rename(2) takes the place of an empty folder and of nothing
// else, so no mail is ever covered. In between a folder bears one of these names:
//
//	.vmapd-aside-ID-SUM     it is looked at: it goes back, or is removed
//	.vmapd-deleted-ID-SUM   it is decided: it is removed
//	.vmapd-moving-ID-SUM    on its way to another file system
//	.vmapd-copying-ID-SUM   the copy there, not whole yet
//	.vmapd-copied-ID-SUM    the copy, whole and on disk
//
// and once it is at its place, or gone, an empty folder .vmapd-done-ID-SUM says so
// until the row is deleted: what is at the old place then is something else.
//
// ID is the row, SUM a checksum of the path. From them alone each step knows
// what the one before had done, so a run may end anywhere, and the next one goes
// on. Two at once do no harm: who comes second finds nothing to do.
//
// A deleted mailbox's folder is never removed if a mailbox has it as its home
// again. It is put aside first and looked up afterwards, so there is no moment
// in which mail of a new mailbox could get into it.
//
// A renamed mailbox may have a folder at its new place already: whoever logged
// in there made Dovecot make it. If it holds nothing but what Dovecot makes by
// itself it gives way. If both hold mail they are not merged: that is refused.
//
// # Doveadm
//
// [Doveadm] has Dovecot do it by doveadm's HTTP API, for a vmapd that has no
// access to the mail: see its methods.
package mailops

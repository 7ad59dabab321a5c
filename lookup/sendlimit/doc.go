// Package sendlimit counts what accounts and domains send, and says whether they
// may send more: recipients, messages, bytes, or recipients that an account has
// not sent to before; in a calendar day or in a window that slides.
//
// # Charges
//
// Engine.Take is asked about a message with all whom it is charged to, as a rule
// the account and its domain, each with its limits. All limits are judged, and
// all counted, in one step: whatever else goes on at the same time, no more is
// let through than a limit allows, and a message that one limit refuses counts
// in none.
//
// Postfix asks about a message several times: at DATA, at the end of it, when
// its size is known, and again after a lost connection. The attribute instance
// says that it is the same message. What it was charged before is taken back
// when it is charged again, so it counts once, with what was said last, from the
// time when that was said. If it is refused the second time it stays charged as
// it was; whoever refuses the whole message for that calls Cancel. What a message
// was charged is known for an hour, of Settings.MaxInstances messages.
//
// A limit is no property of the engine: it comes with each charge. Its counter
// is known by unit and window, so a new Max applies at once to what is counted,
// and another window begins with nothing. Only what has a limit is counted.
//
// # Windows
//
// Day is the calendar day in UTC, Modoboa's. A duration slides. It is cut into 60
// buckets, and 61 are looked at: in no stretch of time of that length is more let
// through than Max, while what was sent is forgotten up to a sixtieth too late
// (windows under a minute are rounded up to 60 milliseconds besides). A clock
// that is set back makes windows longer, by at most their length.
//
// # New recipients
//
// A recipient is new to an account that has not sent to it, as far as is
// remembered: of each account the last Settings.MaxRemembered, from the time when
// it has first had such a limit. They are kept as 64 bits of a hash with a secret
// key. With several nodes each remembers by itself.
//
// # Suspensions
//
// A subject can be suspended, until a time or until it is released: by Suspend,
// or because it was refused Settings.Suspend.Times. All its charges are refused
// then, those without limits too; that is looked up without a lock. Messages are
// counted as refused once, however often they are asked about. Who is released
// begins anew, but what he has used is still used: see Reset.
//
// # The file
//
// All is kept in Settings.Path. What a charge has changed is appended to it before
// Take returns, so nothing is forgotten if the process is killed. Where many are
// counted that takes no system call: the end of the file is mapped (mmap(2),
// MAP_SHARED), with zeros behind it for what is to come, and a record is copied
// there. The blocks of the disk for it are reserved beforehand, 256 KiB at a time
// (fallocate(2)), so a full disk is an error and no signal; Close gives back what
// was not used. While the file is brought to the disk, when nothing was counted a
// second before, for the last blocks of a disk, and where files cannot be mapped -
// on other systems than Linux 5.14 or later, with file systems that cannot do it -
// records are written with write(2).
// Charges that come at the same time are appended together, in the order in which
// they were counted, and no lock of a subject is held meanwhile.
// Once a second it is brought to the disk with fsync(2): a power cut may cost what
// was counted in the last second, and a little more if the disk is slow. When it
// has grown by 4 MiB and to double its size it is rewritten beside
// itself and renamed, while counting goes on.
//
// Each record has a checksum. One that is cut off at the end is dropped. If
// something in between is damaged, or the file is of another version, what can be
// read counts, the file is kept as PATH.damaged-TIME, and Settings.OnError is
// told with a *DamagedError; after a power cut, too, if of the last second a later
// part has come to the disk, and an earlier one has not. A record says what a
// counter holds, not what was added, so reading any of them twice does no harm.
//
// If the disk is full counting goes on in memory, OnError is told once with a
// *StorageError, and each second it is tried to write all of it. So it is if
// somebody has cut off the file: that is seen when it is appended to (SIGBUS, which
// is made an error), or within a second.
//
// # Two processes on one host
//
// Only one process writes the file: it holds a lock (flock(2)) on PATH-lock until
// Close, or its end. When a new process takes the place of an old one both serve
// for a while. The new one begins with what is in the file, reads every 50
// milliseconds what the old one appends, and counts besides in memory, under a
// name of its own; once it gets the lock it reads the rest and writes all. Nothing
// is lost and nothing counts twice, for each process counts in cells of its own,
// and a counter is the sum of them. But for as long as both serve, the old one
// does not know what the new one lets through, and the new one learns of the old
// one with that delay: a limit can be exceeded by so much. Whoever drains should
// therefore Close as soon as it has answered its last question. If the new one is
// killed before it has the file, what it has counted in those seconds is lost.
//
// # Several nodes
//
// With Settings.Shared one place, Redis, judges for all nodes: in one step over
// all subjects, by its own clock. Every node keeps besides what it has counted
// itself, and hears within Settings.ShareEvery what the others have. Each writes
// only cells of its own, as on one host, so telling again is harmless.
//
// No charge fails for want of that place. A node that gets no answer within
// Settings.ShareLimit is alone from then on: it judges at once by what it knows,
// and keeps trying to come back. While alone it lets through no more than its
// share of what was left when it last heard: of n nodes that lived then, one
// part in n+1. The part that nobody has makes up for news that was under way; in
// a window that began after the failure shares are one part in n. A node that
// comes back first tells what it counted, then asks again but keeps to its share,
// until every other node has said that it hides nothing either, or was not heard
// of for Settings.NodeGone. If that place has lost its memory the nodes put theirs
// back: each its own, and those of others that have not come back to do it.
//
// What is guaranteed:
//
//   - While all nodes reach that place no limit is exceeded.
//   - If it fails for all, is killed, emptied, or comes back with old data, no
//     limit is exceeded either (old data lack what a node that ended since had
//     counted after they were saved), as long as what others had counted and a node had not
//     heard of at that moment is no more than one part in n of what was left. A node
//     that takes part in charging a subject hears with each answer, so that is so
//     unless nearly all of a limit is used elsewhere within ShareEvery.
//   - If one node is cut off while others go on, a limit can be exceeded by the
//     share of that node, and no more.
//   - A node that starts while it is away knows what its file says, of the other
//     nodes too. Without a file it is as if there were no others.
//   - Clocks of nodes must not matter: all go by the clock of that place, and by
//     their distance to it while it is away.
//   - Refusals that lead to a suspension, and suspensions, are shared with a delay
//     of ShareEvery. A suspension holds everywhere; hooks are called where it was
//     made.
//
// # Cost
//
// A charge without limits takes less than a tenth of a microsecond. Others take
// the lock of each of their subjects, in order, for a microsecond or so, and then
// copy a record to the file, which takes another half; with a shared place its
// answer is waited for under those locks, so a subject is charged by one node as
// often as that place can be asked one question after the other. Nothing is
// allocated for a message of a subject that is known. Memory is bounded by
// Settings: some 400 bytes for a subject with two limits, some 24 for each
// further bucket in use, some 250 for a message. A subject of which nothing
// counts any more is dropped; if there are too many, those that were used longest
// ago are.
package sendlimit

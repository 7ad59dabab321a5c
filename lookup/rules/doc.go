// Package rules decides what a policy service answers: whether a recipient is
// refused at RCPT, and how much senders who have logged in may send. Package
// policy carries the questions, package sendlimit counts.
//
// # Rules
//
// They are asked one after the other; the first that has something to say is
// the answer, and if none has the answer is "look on" (DUNNO). None ever lets
// anything pass. A rule that panics says nothing: [Hooks] are told.
//
//	recipient  RCPT: the recipient is a mailbox here that takes no mail: its
//	           domain is disabled, it is for sending only, or, with
//	           [Settings].DisabledAccounts, its account is disabled
//	quota      RCPT: the mailbox is full, or the announced size is more than it
//	           could ever hold
//	sending    RCPT, DATA, END-OF-MESSAGE, if the client has logged in: the
//	           account or its domain is suspended, or a limit is used up
//
// The first two look at recipients that are a mailbox by themselves
// (lookup.Resolver.OwnMailbox): aliases, forwards and unknown recipients are
// other people's to judge.
//
// # Who is charged
//
// The account is that of sasl_username, folded; a master user ("user*master")
// sends for the user. It is charged under the address of its mailbox, and with
// it the domain of that; a name without a mailbox is charged under itself. The
// account's limits are [Settings].Accounts and its own message_limit, those of
// the domain likewise. A message_limit, which is Modoboa's, counts recipients in
// a calendar day (UTC) and takes the place of such a limit in Settings.
//
// # When
//
// With [Settings].AtRcpt false a message is counted at DATA or END-OF-MESSAGE,
// wherever Postfix asks, once for each instance; at RCPT it is only looked
// whether there is room for one more recipient. With AtRcpt recipients are
// counted one by one at RCPT, as Modoboa's own policy daemon does it, those that
// others refuse afterwards as well; messages and bytes at the end. Recipients
// that are new to an account are always counted at RCPT: it is there that Postfix
// names them all.
//
// # Without data
//
// Before the first snapshot, and when it is too old, questions that need one are
// held for a while and then get no answer: the connection ends, and Postfix does
// what the entry's default_action says.
package rules

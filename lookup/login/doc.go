// Package login decides who may log in, and says where somebody's mail lives:
// what Dovecot calls passdb and userdb, from a snapshot.
//
// # Who may log in
//
// A login is the e-mail address of an account, as in Modoboa's password_query;
// case does not matter. The account must be active, in an enabled domain, and
// its mailbox must be one that the service may use (store.Snapshot.LoginRefusal
// is the one place that knows). All of that is looked up again at every login,
// so a change is in force when the snapshot has it. The service [Page] has rules
// of its own.
//
// A master user logs in as somebody else, as "user*master" or with an authzid:
// the password is the master's, whose account must be active and have the flag;
// the user must be one who could log in by himself. Who has no flag is told no
// more than that his password is wrong. No other authzid is taken than the login
// itself.
//
// # Passwords
//
// A cheap hash is checked at once. A dear one is checked in a pool that bounds
// processors and memory, unless the same password was found right a short while
// ago: the cache remembers under a keyed hash of login, service, password and
// the stored hash that these fit together, nothing else. So a changed password
// can never be met there, nor an account that was closed.
//
// A login that does not exist, is closed or has no password is checked against
// somebody's hash too, and takes as long.
//
// # Passwords that are kept elsewhere
//
// Where [Logins.SetOutside] has named somebody who knows them, he is asked about
// accounts that have no password here or are not local, and about logins without
// an account if he says so; an account that has a hash all the same is checked
// here first, as in Modoboa. What he says is right is remembered for a while,
// for an account that there is; what is wrong never is.
//
// Whoever logs in for the first time has his account made, and is in when it is
// served. What then decides is the account: whether its owner may log in is
// looked up as ever. Nobody who is known elsewhere gets into an account whose
// password is kept here.
//
// # What is not known
//
// While there is no snapshot, or it is too old, while the pool is overrun, if a
// stored hash cannot be read, while who is asked elsewhere does not answer, and
// while a new account cannot be made, the outcome is Unsure: never "no". The
// guard does not count it.
package login

// Package guard protects logins against guessing. It counts wrong passwords,
// holds back the answers of those who make many, refuses those who make too
// many, and sees to it that nobody can use that to lock the owner out.
//
// # What is counted
//
// Distinct wrong passwords. A device that repeats an old password all day has
// made one wrong guess, for it learns nothing more: what is counted is the
// fingerprint of account and password (Guard.Fingerprint), once in
// Settings.Remember. The eight of an account that were tried last are known.
//
// They are counted in leaky buckets: each adds one, and one leaks out every
// Limit.Forget. A bucket holds at most Limit.Refuse, so once it has been full one
// more guess is let through every Limit.Forget, however long an attack has
// lasted. There is a bucket for each of
//
//   - an account, for guesses from places it has not logged in from;
//   - an account at one place;
//   - a network: an IPv4 address and its /24; of IPv6 the /64, the /56 and the
//     /48, the wider ones with more patience.
//
// Beyond Limit.Free guesses, failures are held for Settings.FirstDelay, which
// doubles with each further one up to Settings.MaxDelay. From Limit.Refuse on,
// attempts are refused without a look at the password, and are not counted: a
// password that nobody tried tells nobody anything.
//
// # The owner at home
//
// A place is an IPv4 address or an IPv6 /64. Where an account has logged in
// within Settings.Remember it is known, and there it is judged by the bucket of
// the account at that place alone. So what happens elsewhere, to the account
// or in the networks around it, cannot refuse the owner at home: an attacker
// would have to be at the very same address. What is guessed at a known place
// counts for that place and its networks, not for the account: a bad
// neighbour behind the same address does not shut out the owner who travels.
//
// The 32 places that an account used last are known. Only a right password
// makes one, and only the account's own ones compete, so no flood of attempts
// can displace them.
//
// An account that is under attack from many addresses at once is refused at
// places that it has not used before, until the attack is over or an
// administrator forgives it. That is the price; the alternative is a password
// that can be guessed by whoever rents enough addresses.
//
// # What a success forgives
//
// All wrong guesses for that account from that place, wherever they were
// counted: who mistyped three times and then got in leaves nothing behind. It
// forgives nothing else. The owner's phone, which logs in every few minutes,
// does not give an attacker elsewhere a fresh start, nor does an attacker's own
// account wipe the slate of his address.
//
// # Own networks
//
// Attempts from Settings.Exempt, by default loopback, come from programs that
// log in for others: webmail, which names its own address and not the
// browser's. Such an address is never counted, never refused. What is guessed
// there counts for the account, as elsewhere, and holds the answers; but it is
// the program's task to bound how many it passes on. Better still, let it pass
// the browser's address (Dovecot: login_trusted_networks) and the place is the
// browser's.
//
// # Attempts under way
//
// Before counts a new guess for the account at once, and After takes it back if
// the password was right, so a thousand connections with a guess each cannot
// all pass before the first of them is known to be wrong. Networks are charged
// only after the fact: an office whose two hundred phones come back at once is
// no attack. A caller that could not find out whether a password is right - no
// data, client gone - says so with Cancel; else the attempt stays counted.
//
// # For the caller
//
// A refusal must look like a wrong password: the same text, and the same time.
// Hold every failure until a fixed time after the request came - the longer one
// of the caller's own failure delay and Verdict.Delay, not their sum, since
// Postfix waits ten seconds - whether or not a password was hashed meanwhile.
// Who sets Settings.Message accepts that the text gives a refusal away.
//
// Accounts that do not exist are to be reported like all others.
//
// # Memory, time, secrets
//
// All state is in tables of fixed size: about 350 bytes for each of
// Settings.MaxEntries, and for each of MaxHomes 40 bytes and 16 more for each
// of its places. They are made of small sets; in a full set the entry that would be
// forgotten first makes room. So a flood of addresses with one guess each
// displaces others of its kind, not those who guess much. A call holds the one
// lock for about a microsecond and allocates nothing.
//
// Counts end with the process. The known places can be kept with Save and Load,
// and are to be: an attack goes on over a restart.
//
// Time comes from Settings.Now and never runs backwards.
//
// A fingerprint has twelve bits, of a hash with a random key that is in memory
// only (or in the Redis of the nodes that share, see Guard.Run). It tells a
// repetition from a new guess, with one mistake in four thousand, but who reads
// it learns next to nothing of the password. Do not log it all the same.
//
// # Several nodes
//
// Each node decides from its own memory. With Guard.Run they tell each other
// what they counted; if that fails each goes on with what it knows.
package guard

// Package doctor finds what is wrong: in the data of a mail host, and in how the
// host is wired.
//
// A [Check] looks for one kind of problem; [Checks] lists them. [Run] runs them
// and returns a [Finding] for each problem, worst first, each with a remedy that
// says exactly what to do.
//
// # Data
//
// The checks of data look at a [store.Snapshot]: they cost memory alone, need no
// database, and all that look at rows of one kind share one walk over them. The
// files of DKIM keys are looked at if Input.ReadKey is given.
//
// # The host
//
// The checks of the host look at plain values: a [Host] says what sockets there
// are to be, what the daemon says of itself, and what postconf(1) and doveconf(1)
// print. Whoever calls gathers them; a part that is nil is left out.
//
// # Findings
//
// Each check keeps 20 findings of each level; a last one says how many more there
// are. No finding contains a password hash or a byte of a key.
package doctor

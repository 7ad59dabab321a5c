// Package redislimit lets nodes share what they count of their senders, through
// Redis (5.0 or later; also Valkey and KeyDB).
//
// # What is in Redis
//
// All names begin with Options.Prefix, "{vmapd:limits}:", whose braces put all of
// them on one node of a cluster:
//
//   - c:KIND:UNIT:WINDOW:NAME is a counter, a hash: c:NODE:BUCKET is what a node
//     has counted in a bucket, s:NODE the stamp of the last time it told that, v
//     the version, w the bucket in which the soft mark was passed, z when it was
//     reset. It expires
//     with its window.
//   - changed is a sorted set of counters by the number of their last change, seq
//     the last such number.
//   - nodes is a sorted set of nodes by the time at which they said last that
//     they live.
//   - sentences is a hash of suspensions, sentences:v its version.
//   - mark:NODE is what a node leaves before it tells all it knows, to see
//     afterwards that nothing of it was lost.
//   - epoch is a random word. If it is missing, Redis has lost its memory, and
//     the nodes put back what they know.
//
// Three scripts work on them: each is one step for all nodes, by the clock of
// Redis.
//
// Who can read Redis sees who sends how much, who can write it can stop the mail
// of accounts: give it a password and a network of its own. No recipients are in
// it.
//
// A Redis that evicts keys (maxmemory-policy other than noeviction) makes limits
// looser: what a node has counted itself comes back with its next question, what
// others have counted with theirs.
package redislimit

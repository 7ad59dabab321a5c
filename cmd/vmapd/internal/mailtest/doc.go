// Package mailtest runs a whole mail host for tests: a real Postfix between a
// scripted SMTP client and sinks that stand for everything behind it.
//
// A test takes these steps:
//
//	p := mailtest.New(t, "sql")                       // queue and configuration below a temporary directory
//	world := mailtest.ListenSink(t, mailtest.SinkOptions{Name: "smtp"})
//	p.Start(mailtest.Config{Maps: …, World: world.NextHop()})
//	out := mailtest.Runner{Postfix: p, Sinks: …}.Run(t, messages)
//
// [Postfix] is the distribution's own program with a configuration, a queue, a
// log and a loopback address of its own; the system's mail server and its
// /etc/postfix/main.cf are neither read nor needed. [Sink] is an LMTP or SMTP
// server that remembers what it was given: it stands for Dovecot, for relay
// targets and for the rest of the world. [AuthStub] stands for Dovecot's
// authentication service. [Runner] sends messages and says, for each, what the
// client was told and where the mail ended up; two such results can be compared
// whatever answered Postfix's lookups.
//
// Postfix must be started by root. Without root or without Postfix the test is
// skipped, or fails if the environment says VMAPD_PEERS=required.
package mailtest

// Package dovetest runs a real Dovecot for tests, and talks to it as its clients
// do.
//
//	d := dovetest.New(t)
//	… write a dovecot.conf that ends with "!include_try local.conf" to d.Conf …
//	d.Start(dovetest.Settings{})
//	c := d.IMAP(t)
//	c.Login("user@example.test", "secret")    // "OK [CAPABILITY …] Logged in"
//
// [Dovecot] is the distribution's own program with a configuration, folders, a
// log and a loopback address of its own; the system's mail server and its
// /etc/dovecot are neither read nor needed. What makes it fit for a test - ports,
// no TLS, no delays, the log - is in local.conf, so the rest can be the very
// configuration that is to be proved. Mail belongs to nobody's uid.
//
// Dovecot must be started by root. Without root or without Dovecot the test is
// skipped, or fails if the environment says VMAPD_PEERS=required. A crash of any
// of its processes fails the test.
package dovetest

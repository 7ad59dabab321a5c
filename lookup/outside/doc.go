// Package outside checks passwords that are kept elsewhere: in an LDAP
// directory, or by a mail server that takes logins (SMTP AUTH).
//
//	o := outside.New(settings, hooks)
//	go o.Run(ctx)
//	person, err := o.Check(ctx, outside.Question{Login: "ann@example.org", Password: password})
//
// There are three outcomes. A nil error: the password is right. [ErrWrong]: the
// source has said no. Any other error: nobody can say now - the source is down,
// hangs, is overrun, or is not what the settings say. That is never a wrong
// password.
//
// # Which source
//
// What Modoboa calls authentication backends. Who was made by the LDAP backend
// (core_user.is_local is false) is asked for in the directory, who has no
// password and is local at the mail server, as far as there are both. Who has no
// account yet is asked for in one after the other.
//
// # LDAP
//
// With "search and bind" the entry is looked for as the bind DN (RFC 4511,
// section 4.5) and its DN bound with the password; with "direct bind" the DN is
// made from a template. What somebody typed is escaped for where it goes: RFC
// 4515, section 3 in a filter, RFC 4514, section 2.4 in a DN. An empty password is
// refused here: a bind with one succeeds and means nothing (RFC 4513, section
// 5.1.2). More than one entry is as good as none. Referrals are not followed. A
// second server is asked while the first is down.
//
// A new password is written as Modoboa writes it: a modify of the password
// attribute with a hash, or of unicodePwd in Active Directory, as the owner, and
// where he may not as the bind DN.
//
// # SMTP
//
// AUTH PLAIN or LOGIN (RFC 4954) of a connection of its own for each question.
// 235 is right, 535 is wrong, and everything else nobody knows.
//
// # What a server in trouble may cost
//
// A server is asked by Settings.Connections at once, and Settings.Waiting more
// may wait; the next ones are told at once that nobody can say. A connection must
// be there within Settings.Connect, and each answer within Settings.Operation. The
// first that is not takes the server out of service: all that wait are told so,
// and Run asks it every few seconds until it answers again.
//
// # Secrets
//
// No error, status or log line contains a password. Without TLS what goes to a
// server can be read on the way; Settings.Problems says so, unless the server is
// on this machine. Certificates are always verified.
package outside

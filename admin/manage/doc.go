// Package manage changes what a mail host consists of: one function per
// action, in one transaction, with the rights, rules and side effects of
// Modoboa's administration. The REST API, the command line and the web page
// call nothing else.
//
//	m := manage.New(manage.Options{DB: d, Hash: hash})
//	caller, err := m.CallerByToken(ctx, token)
//	err = m.Write(ctx, caller, func(t *manage.Tx) error {
//		_, err := t.CreateDomain(manage.DomainInput{Name: manage.Some("example.org")})
//		return err
//	})
//
// [Manager.Read] and [Manager.Write] open a transaction, [Manager.Try] one that
// is rolled back in the end; a function may do several things in it, and all
// or nothing is kept. The methods of [Tx] are the actions. Writers wait for
// each other, so what an action has checked stays true until it is committed.
//
// # Rights
//
// A [Caller] has a role (modoboa/core/constants.py):
// SuperAdmins may do everything, Resellers and DomainAdmins what their role
// allows (see [Action]) with the objects they have access to
// (core_objectaccess), SimpleUsers see and change themselves. What somebody
// may not see does not exist for him: [NotFound].
//
// # Accounts
//
// A SimpleUser has a mailbox whose address is his login; others may have one
// of any address, or none. Nobody changes an account whose role is above his
// own, nobody gives a role that is not below it but super administrators, and
// the last of those who can log in stays. What an account owned passes to one
// of them when it goes.
//
// # Errors
//
// What the caller is to blame for is an [*Error], with a [Kind] that has a
// counterpart in HTTP, and texts by field. No error tells a password or hash.
package manage

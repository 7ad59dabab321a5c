// Package page is the web page of vmapd: an administrator sees how the daemon
// does, changes what the mail host consists of, and asks why mail goes where it
// goes. A domain administrator sees what is his, a user himself.
//
//	h := page.New(page.Options{Manager: manager, Login: login, Live: live})
//	mux.Handle("/", h)
//
// All HTML is made here (html/template), nothing comes from elsewhere, and
// every page works without JavaScript: the one small module refreshes the
// overview and copies records.
//
// # Who
//
// Somebody signs in with an account of the database. A session is a random
// number in a cookie (HttpOnly, SameSite=Strict, Secure under TLS); what belongs
// to it is kept in memory, so a restart signs everybody out. It ends after eight
// hours without a request and after a day in any case. The account is
// read again for every request: one that is disabled is signed out, and a role
// that changes is in force at once.
//
// # What
//
// A page is an action with the roles that it is for ([routes]); for everybody
// else it does not exist. Objects go through package manage, which knows who may
// see and change what: an object of others is "not found". Every change is a
// form: its answer is a redirection, or the form again with what is wrong beside
// the field, and nothing that was typed is lost but passwords.
//
// # Against forgery
//
// A form holds the token of its session, and a browser that says that a request
// comes from elsewhere (Sec-Fetch-Site, Origin) is refused. No other page may
// frame this one, and what a page may load or run is limited to its own files
// (Content-Security-Policy).
package page

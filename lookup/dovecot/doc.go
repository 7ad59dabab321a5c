// Package dovecot answers Dovecot, and Postfix's SASL: it joins the protocols of
// packages auth and dict with logins, mailboxes and their usage.
//
// # Dicts
//
//	auth         shared/passdb/[SERVICE/]USER   JSON: password, user, userdb_uid ...
//	             shared/master/USER             JSON of a master user
//	             shared/userdb/[SERVICE/]USER   JSON: uid, gid, home, quota_rule, quota_storage_size
//	             shared/userdb/                 iterated: all users
//	quota        priv/quota/storage, priv/quota/messages: bytes and number; set, added to, unset
//	quota_clone  the same
//	lastlogin    shared/last-login/USER[/...]   seconds since 1970, or ms, µs, ns; set alone
//
// Unset says that a figure is wrong and will be told anew; it deletes nothing.
// The hashes under passdb and master are given only to peers that may read them.
//
// # Userdb
//
// Limits are given twice, as quota_rule for Dovecot 2.3 and as
// quota_storage_size for 2.4: each ignores the other's.
package dovecot

// Package postfixadmin brings what a PostfixAdmin database says into
// Modoboa-shaped tables.
//
// The source is a live database of PostfixAdmin 2.3 or newer - MySQL,
// PostgreSQL or SQLite -, which is only read, all of it in one consistent view.
// The target is written in one transaction: all or nothing, and a dry run is the
// same with a rollback at the end. Both are read in pages by primary key, so
// memory does not grow with the number of mailboxes and aliases, only with that
// of domains and administrators.
//
// # Again
//
// What exists is left as it is, what is missing is added: accounts, aliases,
// recipients of aliases that exist, domains of administrators. So an import
// that was cut off is simply run again, and one that was done early can be
// followed by another one shortly before the switch. Nothing that exists is
// overwritten, passwords among them, and nothing is deleted.
//
// # Mapping
//
//	domain        admin_domain. quota (MB for the domain) becomes its quota, maxquota (MB of
//	              a mailbox at most) the default of new mailboxes, unless no mailbox has a
//	              quota at all: then PostfixAdmin was not told to use them. 0 and -1 are no limit.
//	              With a next hop in transport, smtp:[host]:port, it becomes a relay domain;
//	              a backup MX without one is left out, for mail must not end here.
//	alias_domain  admin_domainalias. One that has mailboxes or aliases of its own becomes a
//	              domain whose catch-all leads to the target: Modoboa cannot have both.
//	mailbox       core_user, admin_mailbox, the internal alias to itself. Bytes are rounded up
//	              to MB of 1,048,576 bytes; 0 and less is unlimited. quota2 becomes admin_quota.
//	alias         admin_alias with recipients. The row of a mailbox to itself is left out: the
//	              internal alias says it. With others it becomes a forward; without itself it
//	              also disables the internal alias, so that no copy stays here.
//	admin         core_user, DomainAdmins of those in domain_admins, SuperAdmins if superadmin
//	              is set or the domain is ALL. One who has a mailbox is one account, with the
//	              mailbox's password.
//
// Passwords keep their hash. {SCHEME} says what they are, else their form does
// ($1$, $2y$, $5$, $6$, $argon2id$ ..., 32 hexadecimal digits, the 13 characters of
// DES), else nobody can log in until a new one is set.
//
// Whatever is left out or changed is a [Warning] that names table and row:
// vacations, fetchmail's accounts, limits of domains, recipients that are
// commands or files, names that fold to the same one. PostfixAdmin's log, old
// quota table and settings are passed over in silence.
package postfixadmin

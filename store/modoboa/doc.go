// Package modoboa knows Modoboa's tables, in every generation from 1.10 to
// 2.9: it reads them into a snapshot, and makes them in an empty database.
//
// # Reading
//
// [Source] reads the tables that decide about mail inside one read-only
// transaction and hands their rows to a store.Builder, one at a time:
//
//	admin_domain, admin_domainalias        domains and their other names
//	core_user                              accounts
//	admin_mailbox, admin_quota             mailboxes and what is in them
//	admin_alias, modoboa_admin_aliasrecipient   aliases
//	admin_senderaddress                    extra sender addresses
//	admin_mailboxoperation                 mailboxes that are being moved
//	transport_transport, relaydomains_recipientaccess   relaying
//	postfix_autoreply_transport            autoreply plugin of 1.x, if it is there
//
// Only columns that something uses are asked for. Reading never writes, alters
// or locks a table.
//
// What a row says is not judged here: control bytes, clashing names and
// references into the void are the Builder's business. A row that cannot even
// be read (an id beyond 32 bits, a date that is none; SQLite stores anything
// anywhere) is reported to the Builder and left out, the rest is loaded.
//
// # Generations
//
// Modoboa leaves no version number behind, so [Detect] looks at the columns:
//
//	admin_domain.message_limit             1.16
//	core_user.tfa_enabled                  1.17, gone in 2.3
//	admin_mailbox.is_send_only             2.2
//	core_user.totp_enabled                 2.3
//	admin_domain.last_dns_check_execution  2.7.1
//
// transport_transport came with 1.10; older databases are refused. A table
// vmapd_schema says that [Init] made the tables.
//
// # Changes
//
// [InstallCapture] adds triggers that log the primary keys of rows that change,
// [RemoveCapture] removes them without a trace, but for DKIM keys that were
// recorded, and [Source.Follow] reads the
// rows that the log names (docs/change-capture.md). A position in the log says
// what the database looked like there, so that whatever breaks the chain -
// other tables, another log, another server - is noticed and everything is
// read again. SQLite's INSERT OR REPLACE, which deletes a row of another id
// without a word, is not noticed unless recursive_triggers is on; neither
// Modoboa nor Django uses it.
//
// # Writing
//
// [Init] makes the tables of the newest generation in an empty database, with
// defaults in the database, so that Modoboa's own SQL runs on them (schema/).
// [ImportCSV] reads Modoboa's CSV lines, into databases of Modoboa's own too,
// and makes the rows that Modoboa makes beside them. [WriteBack] writes quota
// usage and last logins, which mail servers report, from a spool into
// admin_quota and core_user.last_login, and nothing else into a running
// Modoboa.
package modoboa

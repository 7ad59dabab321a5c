// Package rows makes the rows of Modoboa's tables that belong together: what a
// new account, domain or alias is made of, with all that Modoboa writes beside
// it. Whoever creates objects - the CSV import, a migration, the API - puts
// them into a [Set], and a [Writer] gives them ids and writes the rows in the
// order that foreign keys want, in the columns that this release of Modoboa
// has:
//
//	admin_domain          transport_transport, relaydomains_recipientaccess,
//	                      limits_domainobjectlimit, postfix_autoreply_transport
//	admin_domainalias     the internal alias "@name" to "@target"
//	core_user             core_user_groups, limits_userobjectlimit
//	admin_mailbox         admin_quota, the internal alias to itself
//	admin_alias           modoboa_admin_aliasrecipient
//	all of them           core_objectaccess
//
// What is allowed and what a name leads to is for the caller to decide; the
// functions of names.go say what a name may look like.
package rows

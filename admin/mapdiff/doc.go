// Package mapdiff asks an operator's own SQL maps what Postfix would make of
// them, and says where the tables of package lookup lead Postfix elsewhere.
//
// The maps are asked by Postfix's own postmap(1), so that their dialect, their
// escapes and their %u and %d are Postfix's. Postfix asks a SQL map for more
// than the key: the address without its extension, "@domain", the domain, its
// parents (src/global/mail_addr_find.c, src/global/match_list.c), and a socketmap
// never. A [Comparison] takes those steps, and adds the extension again where
// Postfix does (propagate_unmatched_extensions).
//
// Only files with the names of Modoboa's map files are taken: their name says
// which table replaces them. Several may belong to one table; Postfix asks them
// in turn, key by key.
package mapdiff

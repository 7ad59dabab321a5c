// Package keyring knows which keys sign for a domain now.
//
// # Which
//
// A domain's key is the one that its row names (admin_domain: selector and
// file), as Modoboa has it. Rows of vmapd_dkim_key are further keys, which go
// through stages (see [Stage]): of each algorithm the newest active one signs,
// an RSA one instead of the row's own. Should its file be unusable, the one
// before it signs as long as it is retiring. Domain aliases have keys in
// vmapd_dkim_key alone, or borrow those of their target.
//
// # Files
//
// A [Ring] reads key files in the background and holds them in memory as DER;
// the few that are in use are parsed. Nobody who wants a key ever touches a
// file: who comes before the loader did waits for it, a second at most.
// Files are read below one folder, never through a symbolic link, and never if
// everybody may read them.
//
// # Old keys
//
// What verifiers find in DNS is what counts, and DNS follows later. So a key
// that was good is used on for [Options.Keep] when the row goes blank, when the
// file is gone, cannot be read or is damaged, and when another key is in the
// file - Modoboa replaces keys in place - until DNS shows the new one. Meanwhile
// it is kept on disk (Options.Kept), so that a restart does not forget it.
// Deleting it there makes the new one take its place.
//
// # Making
//
// [Keeper] makes keys for domains that ask for one and brings keys from stage to
// stage. It decides by what DNS shows, through a [Showing].
package keyring

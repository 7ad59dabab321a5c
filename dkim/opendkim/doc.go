// Package opendkim reads the configuration of an OpenDKIM, with its tables, and
// says what becomes of it in vmapd: what was signed how, which option is which
// setting, what falls away and why, and what is left to do by hand.
//
// Read gives a Plan. Plan.For says what OpenDKIM would have done with the mail
// of an author. Plan.WriteTo writes it for people: a piece of vmapd.toml in
// which all the explanation is comments.
//
// The files are read as OpenDKIM 2.11 reads them (opendkim/config.c and
// opendkim-db.c), down to what surprises: a "#" ends a line anywhere, the last
// of several equal options wins, the first of several equal table entries does,
// refile tables are tried in the order of the file and all others from the most
// exact key to the least, and SubDomains is about Domain alone.
//
// Databases are not asked: an SQL data set is described, and Modoboa's is
// recognized, for vmapd reads Modoboa's columns by itself. Private keys are not
// read.
package opendkim

// Package setup writes the shell script that makes a fresh machine a mail host:
// the owner of mail, sockets that systemd holds for Postfix, main.cf and
// master.cf, Dovecot's configuration, and the start of all three.
//
// The script is for people to read before they run it: it uses the tools that an
// administrator would use (useradd, postconf, "vmapd doveconf", systemctl), keeps
// a copy of each file that it changes, says what it does, and may be run again.
// It is for the packages of Debian; it knows their paths and users.
//
// A machine that handles mail in another way already is not for it: Conflicts
// finds what its main.cf says that the script would overwrite.
package setup

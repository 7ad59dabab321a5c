// Package doveconf writes the configuration that makes Dovecot ask vmapd.
//
// There are two routes. With "dict" Dovecot's own auth service reads password
// hashes and mailboxes from vmapd's dict socket (passdb dict, userdb dict): it
// goes on checking passwords, caching and delaying. Dovecot 2.4 dropped those
// drivers. With "server" vmapd takes the place of the auth service: login
// processes ask its auth socket, mail processes its auth-master socket.
//
// Either way quota figures and last logins come to vmapd through the dict
// socket, by the plugins quota_clone and last_login.
//
// What Render returns is complete: no file of a distribution is included. It
// ends with local.conf, for certificates and whatever else is the host's own.
package doveconf

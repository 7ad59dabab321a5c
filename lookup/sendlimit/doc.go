// Package sendlimit counts what accounts and domains send, and says whether
// they may send more.
package sendlimit

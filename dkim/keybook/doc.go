// Package keybook does with keys what an administrator asks for: it lists them,
// makes one, has one take the place of another, and asks DNS whether they are
// published. The command line and the REST API are two ways to ask.
//
// A [Book] is about one snapshot of the database; after a change it is opened
// anew.
package keybook

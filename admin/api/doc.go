// Package api serves the REST API for administrators below /api/v1/: the
// resources, fields, roles and rules of Modoboa's first API, which scripts
// written for it go on using, and what it lacked. docs/api.md tells users, and
// openapi.yaml is the description that is served with it.
//
//	h := api.New(api.Options{Manager: d.manager, Sync: d.store.Sync, ...})
//	mux.Handle("/api/v1/", h)
//	mux.Handle("/docs/api/", h)
//
// # Routes
//
// There is one table of routes ([Routes]); the multiplexer, the tests that walk
// all of it, and the comparison with openapi.yaml are made of it. Whoever is
// not let in by the table is turned away before his request is read: a route
// that names nobody is for nobody.
//
// # One request
//
// A request is matched, its sender found by his token, the body read and turned
// into an input of admin/manage (a plan), passwords are hashed, and what is
// left is a step that runs in a transaction of manage. A bulk request has many
// plans and runs their steps in one transaction. Rights, rules and side effects
// are manage's alone.
//
// # Errors
//
// What the sender is to blame for is a 4xx whose body names fields
// ({"name": ["..."]}) or says a sentence ({"detail": "..."}), with the id of the
// request. A database that is away is 503 with the remedy. No answer holds a
// stored hash, a secret or the path of a key.
package api

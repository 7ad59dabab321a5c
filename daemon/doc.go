// Package daemon runs vmapd: it reads the configuration, opens the sockets,
// keeps one Store loaded and answers every protocol from it.
//
// It is the one package that knows all the others. What a wire protocol does
// not have to care about lives here once: binding and permissions of sockets
// (socket_unix.go), the accept loop with its caps and the draining of connections
// (gate.go, port.go), counting (metrics.go), logging (log.go), systemd
// (notify.go) and the configuration (config*.go).
//
// # Life of a daemon
//
// New checks what can be checked without touching anything. Run binds every
// socket first, so that a client that comes early waits in a backlog and is
// then held by the resolver instead of being refused; then it loads the
// database, and retries for as long as that takes. SIGHUP reads the
// configuration again: a bad one is logged and changes nothing, a good one is
// applied without touching the sockets that stay the same. SIGTERM drains:
// the listeners go first, requests that were read get their answer, and what
// is still open after DrainTimeout is closed. SIGUSR2 starts a successor that
// inherits the sockets (handover.go, inheritance.go); when it serves
// (takeover.go), this process drains.
//
// # A new protocol
//
// A line protocol is a function ServeConn(ctx, net.Conn) error. Add its name
// to the list in protocols.go together with the function that makes its
// server, and it has a listener, limits, draining and metrics.
package daemon

package resolve

import (
	"context"
	"time"
)

// Resolver sends one question to one server and returns what it answered. It is
// all that this package wants of a DNS library: no retries, no cache.
type Resolver interface {
	// Ask asks server, an address:port. An error means that no usable answer
	// came; every answer with an Rcode, SERVFAIL too, is an Answer.
	Ask(ctx context.Context, server string, q Question) (*Answer, error)
}

// Question is what a server is asked.
type Question struct {
	Name    string // absolute, with or without the final dot
	Type    string // TXT, NS, A, AAAA, MX, SRV, PTR or SOA
	Recurse bool   // ask a resolver; false: ask an authoritative server
}

// Answer is what a server said.
type Answer struct {
	Rcode         string // NOERROR, NXDOMAIN, SERVFAIL, REFUSED ...
	Authoritative bool   // AA: the server holds the zone of the name that was asked
	AD            bool   // the resolver says that it validated the answer

	CNAME   []string      // the names that CNAMEs led to, in order
	Loop    bool          // the CNAMEs lead back to one of them
	Records []string      // TXT: the octets, strings joined; NS, PTR: a name; A, AAAA: an address; MX: "10 mx.example.org" ("0 ." is none); SRV: "0 0 443 host"; SOA: the name of the first server
	TTL     time.Duration // the least of the answer; of an absence, how long the SOA lets it be remembered
}

// definite reports whether the answer says something about the name.
func (a *Answer) definite() bool { return a.Rcode == "NOERROR" || a.Rcode == "NXDOMAIN" }

package dovecot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmapd/vmapd/lookup/dict"
	"github.com/vmapd/vmapd/lookup/login"
	"github.com/vmapd/vmapd/lookup/usage"
)

// Dicts answers a dict.Server.
type Dicts struct {
	Logins *login.Logins
	Usage  *usage.Usage
	Data   login.Data
	// LastLogin gives the time of a login its place behind all before it; what
	// it returns waits until it is safe.
	LastLogin func(username string, at time.Time) (wait func(context.Context) error, err error)
	// MayReadHashes says which users get password hashes, by unix sockets
	// alone.
	MayReadHashes func(uid uint32) bool
}

// Open finds the dict that a client names.
func (d *Dicts) Open(c *dict.Client) (dict.Dict, error) {
	switch c.Name {
	case "auth":
		return &accounts{d, c.PeerKnown && d.MayReadHashes != nil && d.MayReadHashes(c.Peer.UID)}, nil
	case "quota", "quota_clone":
		return &quota{d}, nil
	case "lastlogin":
		return &lastLogin{d}, nil
	}
	return nil, fmt.Errorf("there is no dict %q: auth, quota, quota_clone and lastlogin are", c.Name)
}

// errReadOnly and errNoRows answer what a dict does not do.
var (
	errReadOnly = errors.New("this dict cannot be written to")
	errNoRows   = errors.New("this dict cannot be iterated")
	errNoKey    = errors.New("there is no such key in this dict")
)

// finish calls done when what was begun is safe.
func finish(ctx context.Context, wait func(context.Context) error, err error, done func(error)) {
	if err != nil {
		done(err)
		return
	}
	ctx = context.WithoutCancel(ctx) // it is safe or not, whoever listens
	go func() { done(wait(ctx)) }()
}

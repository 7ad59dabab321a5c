package modoboa

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
	"golang.org/x/sync/errgroup"
)

// hashRounds is Modoboa's default of core.rounds_number.
const hashRounds = 70000

// hashPassword returns a password as Modoboa stores it by default:
// {SHA512-CRYPT}$6$rounds=70000$salt$hash. Its errors do not contain the
// password.
func hashPassword(password string) (string, error) {
	h, err := shacrypt.New(shacrypt.WithSHA512(), shacrypt.WithIterations(hashRounds))
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	digest, err := h.Hash(password)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return "{SHA512-CRYPT}" + digest.Encode(), nil
}

// hashAll returns the hashes of passwords in their order. It uses all
// processors, since one hash takes some ten milliseconds, and calls step after
// each, one call at a time.
func hashAll(ctx context.Context, passwords []string, step func()) ([]string, error) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	hashes := make([]string, len(passwords))
	var mu sync.Mutex
	for i, p := range passwords {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			h, err := hashPassword(p)
			if err != nil {
				return err
			}
			hashes[i] = h
			mu.Lock()
			defer mu.Unlock()
			step()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return hashes, ctx.Err()
}

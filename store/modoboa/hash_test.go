package modoboa

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-crypt/crypt/algorithm/shacrypt"
)

func TestHashAll(t *testing.T) {
	passwords := []string{"one", "two", "drei und ünf", "", "five"}
	steps := 0
	hashes, err := hashAll(t.Context(), passwords, func() { steps++ })
	if err != nil || len(hashes) != len(passwords) || steps != len(passwords) {
		t.Fatalf("%d hashes, %d steps, error %v", len(hashes), steps, err)
	}
	for i, h := range hashes {
		stored, ok := strings.CutPrefix(h, "{SHA512-CRYPT}")
		if !ok {
			t.Fatalf("hash %q has no scheme", h)
		}
		digest, err := shacrypt.Decode(stored)
		if err != nil || !digest.Match(passwords[i]) || digest.Match(passwords[(i+1)%len(passwords)]) {
			t.Errorf("hash %d is not that of its password: %v", i, err)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := hashAll(ended, passwords, func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: error %v", err)
	}
}

func TestRandomPassword(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p, err := randomPassword()
		if err != nil {
			t.Fatal(err)
		}
		if len(p) != 20 || seen[p] || !strings.ContainsAny(p, "23456789") || strings.ToLower(p) == p || strings.ToUpper(p) == p {
			t.Fatalf("password %q", p)
		}
		seen[p] = true
	}
}

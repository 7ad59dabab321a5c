package daemon

import (
	"sync"

	"github.com/vmapd/vmapd/admin/manage"
)

// renewals are the stored passwords that this process replaced because of their
// scheme: who has signed in to the page with one of them stays.
type renewals struct {
	mu   sync.Mutex
	last map[manage.Credential]manage.Credential
}

// maxRenewals is how many are remembered. Beyond, somebody signs in again.
const maxRenewals = 4096

func (r *renewals) note(was, is string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || len(r.last) >= maxRenewals {
		r.last = map[manage.Credential]manage.Credential{}
	}
	r.last[manage.CredentialOf(was)] = manage.CredentialOf(is)
}

func (r *renewals) did(was, is manage.Credential) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, ok := r.last[was]
	return ok && now == is
}

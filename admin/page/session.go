package page

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/vmapd/vmapd/admin/manage"
)

const (
	idleEnd     = 8 * time.Hour  // of a session without requests
	latestEnd   = 24 * time.Hour // of any session
	maxSessions = 4096
	maxOfOne    = 16 // sessions of one account
)

// session is somebody who has signed in.
type session struct {
	account int64  // core_user.id
	token   string // that each of his forms holds
	began   time.Time
	used    time.Time

	mu     sync.Mutex
	caller *manage.Caller // as he was last read
	notes  []note         // for the next page
}

// note is something to tell on the next page.
type note struct {
	Text   string
	Secret string // shown once, to be copied
	Bad    bool
}

// tell leaves a note for the next page.
func (s *session) tell(n note) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, n)
}

// told takes the notes.
func (s *session) told() []note {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.notes
	s.notes = nil
	return n
}

// is notes who the session's account is; nil asks who it was.
func (s *session) is(c *manage.Caller) *manage.Caller {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c != nil {
		s.caller = c
	}
	return s.caller
}

// fits reports whether a form comes from a page of this session.
func (s *session) fits(token string) bool {
	return subtle.ConstantTimeCompare([]byte(s.token), []byte(token)) == 1
}

// sessions are all of them. They are found by a hash of their number, so that
// how long that takes tells nothing about a number that is nearly right.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[32]byte]*session
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: map[[32]byte]*session{}}
}

// random returns 32 random bytes as text.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// begin makes a session and returns its number. An account that has too many
// loses the one that it has not used for longest, and so do all accounts
// together.
func (t *sessions) begin(c *manage.Caller) (number string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sweep()
	if t.count(c.ID) >= maxOfOne {
		t.endOldest(func(s *session) bool { return s.account == c.ID })
	}
	if len(t.all) >= maxSessions {
		t.endOldest(func(*session) bool { return true })
	}
	number = random()
	at := t.now()
	t.all[sha256.Sum256([]byte(number))] = &session{account: c.ID, token: random(), began: at, used: at, caller: c}
	return number
}

// find returns the session with a number, nil if there is none or it has ended.
func (t *sessions) find(number string) *session {
	key := sha256.Sum256([]byte(number))
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.all[key]
	if s == nil {
		return nil
	}
	if t.over(s) {
		delete(t.all, key)
		return nil
	}
	s.used = t.now()
	return s
}

// end ends the session with a number.
func (t *sessions) end(number string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.all, sha256.Sum256([]byte(number)))
}

// endOf ends all sessions of an account but one.
func (t *sessions) endOf(account int64, but *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, s := range t.all {
		if s.account == account && s != but {
			delete(t.all, key)
		}
	}
}

func (t *sessions) over(s *session) bool {
	now := t.now()
	return now.Sub(s.used) > idleEnd || now.Sub(s.began) > latestEnd
}

func (t *sessions) sweep() {
	for key, s := range t.all {
		if t.over(s) {
			delete(t.all, key)
		}
	}
}

func (t *sessions) count(account int64) (n int) {
	for _, s := range t.all {
		if s.account == account {
			n++
		}
	}
	return n
}

func (t *sessions) endOldest(among func(*session) bool) {
	var oldest [32]byte
	var found *session
	for key, s := range t.all {
		if among(s) && (found == nil || s.used.Before(found.used)) {
			oldest, found = key, s
		}
	}
	delete(t.all, oldest)
}

// The cookie. Under TLS its prefix has browsers keep it from other hosts, paths
// and plain connections.
const (
	cookiePlain  = "vmapd"
	cookieSecure = "__Host-vmapd"
)

// isSecure reports whether the visitor's browser speaks TLS, with us or with a
// proxy before us. Who lies about that gets a cookie that his browser keeps to
// itself.
func isSecure(r *http.Request) bool {
	return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
}

func cookieName(r *http.Request) string {
	if isSecure(r) {
		return cookieSecure
	}
	return cookiePlain
}

// cookieOf returns the number of the session that a request names.
func cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie hands a visitor his number; "" takes it from him.
func setCookie(w http.ResponseWriter, r *http.Request, number string) {
	c := &http.Cookie{Name: cookieName(r), Value: number, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: isSecure(r)}
	if number == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

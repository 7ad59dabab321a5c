package auth

import "encoding/base64"

// Attempt is someone who wants to log in. All its slices, those of Info as
// well, belong to the Server: they are valid until Check has returned, or the
// Rest that it returned has, and are overwritten then.
type Attempt struct {
	Info
	Mechanism string // PLAIN, LOGIN ...
	Login     []byte // whose password it is (authcid), as given; 1 to MaxLogin bytes
	Password  []byte // empty if the mechanism has checked it by other means
	Authzid   []byte // whom to log in as; empty if that is Login

	step   int    // for the mechanism
	secret []byte // the last response, decoded
	text   []byte // copies of what is not secret
	final  []byte // what the mechanism says at the end, if the login succeeds
}

// MaxLogin is the largest Login and Authzid of an Attempt, in bytes. A longer
// one is refused without a check.
const MaxLogin = 1024

// maxResponse is the largest response of a client, in characters of base64.
const maxResponse = 8192

// attemptSize is the size of the buffers that nearly all Attempts need.
const attemptSize = 256

// wipe makes an Attempt empty and overwrites the password. Buffers that grew
// are not kept.
func (a *Attempt) wipe() {
	clear(a.secret[:cap(a.secret)])
	secret, text := a.secret[:0], a.text[:0]
	if cap(secret)+cap(text) > 16*attemptSize {
		secret, text = nil, nil
	}
	*a = Attempt{secret: secret, text: text}
}

// keep copies b to where it stays as long as the Attempt does.
func (a *Attempt) keep(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if a.text == nil {
		a.text = make([]byte, 0, attemptSize)
	}
	from := len(a.text)
	a.text = append(a.text, b...)
	return a.text[from:len(a.text):len(a.text)]
}

// own copies what was parsed out of the input buffer.
func (a *Attempt) own() {
	a.Session = a.keep(a.Session)
	a.LocalName = a.keep(a.LocalName)
	a.ClientID = a.keep(a.ClientID)
	a.CertUser = a.keep(a.CertUser)
}

// decode reads a response, "=" being the empty one, and overwrites both it and
// the response before. The result is never nil.
func (a *Attempt) decode(b []byte) (response []byte, ok bool) {
	defer clear(b)
	if len(b) > maxResponse {
		return nil, false
	}
	clear(a.secret[:cap(a.secret)])
	if n := base64.StdEncoding.DecodedLen(len(b)); cap(a.secret) < n || a.secret == nil {
		a.secret = make([]byte, 0, max(n, attemptSize))
	}
	if len(b) == 1 && b[0] == '=' {
		return a.secret[:0], true
	}
	for _, c := range b {
		if c == '\r' || c == '\n' { // which the decoder would skip
			return nil, false
		}
	}
	n, err := base64.StdEncoding.Decode(a.secret[:cap(a.secret)], b)
	a.secret = a.secret[:n]
	return a.secret, err == nil
}

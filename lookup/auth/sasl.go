package auth

import (
	"bytes"
	"errors"
)

// Mechanism is a SASL mechanism that a Server offers.
type Mechanism struct {
	Name string // in capitals

	// Flags tell clients what it is worth: private, anonymous, plaintext,
	// dictionary, active, forward-secrecy, mutual-auth. Postfix filters by them
	// and hides what is private.
	Flags []string

	// Start begins an exchange that fills in a.
	Start func(a *Attempt) Exchange
}

// Exchange is one run of a mechanism.
type Exchange interface {
	// Next takes a response of the client: nil if the first one did not come
	// with the request, else its bytes, which are valid until Next is called
	// again or Check is through. It returns the challenge to send, or done once
	// the Attempt is complete; then Check is asked, and a challenge that comes
	// with done is sent along if it says Yes. An error is an answer that the
	// mechanism does not know: the login fails.
	Next(response []byte) (challenge []byte, done bool, err error)
}

// ErrMalformed is the error of an Exchange for a response that is not what the
// mechanism defines.
var ErrMalformed = errors.New("the response is not what the mechanism defines")

// Plain is the mechanism PLAIN (RFC 4616).
func Plain() Mechanism {
	return Mechanism{"PLAIN", []string{"plaintext"}, func(a *Attempt) Exchange { return (*plain)(a) }}
}

// plain is an Attempt that is made with PLAIN.
type plain Attempt

// Next reads [authzid] NUL authcid NUL password.
func (a *plain) Next(response []byte) ([]byte, bool, error) {
	if response == nil {
		return nil, false, nil
	}
	authzid, rest, one := cut(response, 0)
	login, password, two := cut(rest, 0)
	if !one || !two || len(login) == 0 || len(password) == 0 || bytes.IndexByte(password, 0) >= 0 ||
		len(login) > MaxLogin || len(authzid) > MaxLogin {
		return nil, false, ErrMalformed
	}
	a.Login, a.Password = login, password
	if !bytes.Equal(authzid, login) { // doveadm auth test says the same twice
		a.Authzid = authzid
	}
	return nil, true, nil
}

// Login is the mechanism LOGIN (draft-murchison-sasl-login-00): two questions.
func Login() Mechanism {
	return Mechanism{"LOGIN", []string{"plaintext"}, func(a *Attempt) Exchange { return (*login)(a) }}
}

// login is an Attempt that is made with LOGIN.
type login Attempt

// Next asks for the user name, if it did not come with the request, and for
// the password.
func (a *login) Next(response []byte) ([]byte, bool, error) {
	asked := a.step > 0
	switch {
	case len(response) == 0 && !asked:
		a.step = 1
		return []byte("Username:"), false, nil
	case len(response) == 0 || bytes.IndexByte(response, 0) >= 0:
		return nil, false, ErrMalformed
	case a.Login == nil && len(response) > MaxLogin:
		return nil, false, ErrMalformed
	case a.Login == nil:
		a.step, a.Login = 1, (*Attempt)(a).keep(response)
		return []byte("Password:"), false, nil
	}
	a.Password = response
	return nil, true, nil
}

package auth

import "time"

// Verdict is the answer to a question that can be answered, or not. The zero
// value is that it cannot: whoever forgets to answer has not said no.
type Verdict uint8

// The verdicts.
const (
	Unsure Verdict = iota // cannot say: temporary
	Yes                   // the password is right; the user was found
	No                    // the password is wrong; there is no such user
)

// Code says why a login is refused, in a way that Dovecot's login processes
// understand. Postfix and Exim ignore it.
type Code string

// The codes (src/lib-auth-client/auth-client-interface.h of Dovecot).
const (
	NoCode       Code = ""              // wrong password or unknown user
	AuthzFailed  Code = "authz_fail"    // the password is right, but not for this authzid
	UserDisabled Code = "user_disabled" // logged; to the user it looks like NoCode
	PassExpired  Code = "pass_expired"  // the user sees Outcome.Reason
)

// The codes that only this package uses.
const (
	tempFail      Code = "temp_fail"
	invalidBase64 Code = "invalid_base64"
)

// Outcome is what became of an attempt to log in. The zero value is a
// temporary failure.
type Outcome struct {
	Verdict Verdict

	// User is the login in its one spelling. With Yes it is required; Postfix
	// makes it the sasl_username. With No it may be empty: the login as given
	// is then logged by the client.
	User string

	// Fields are what OK or FAIL says beyond the rest of this struct; see
	// Dovecot's "passdb extra fields". With the field proxy no REQUEST follows.
	Fields Fields

	// NoLogin, with Yes, says that the password is right but the user is not
	// let in; Dovecot shows Reason. Postfix and Exim let the user in: use No.
	NoLogin bool

	// Code, with No, says why.
	Code Code

	// Reason is shown to the user, with No and with NoLogin; it may be empty.
	Reason string

	// Original is the login as it was given, if User is another one.
	Original string

	// Master is the user whose password was checked, if that is another one
	// than User: a master user who logs in as User.
	Master string

	// Delay is for how long the answer is held back if it is not Yes, while
	// other requests of the connection go on. For service smtp it is cut to
	// what Postfix waits for.
	Delay time.Duration
}

// UserReply is what is known about a user. The zero value is a temporary
// failure.
type UserReply struct {
	Verdict Verdict

	// User is the name of the user in its one spelling, the one that was asked
	// for if empty.
	User string

	// Fields are the fields of the user: uid, gid, home and so on.
	Fields Fields

	// Reason is why it is Unsure; Dovecot logs it, or shows it to a user who
	// logs in. It may be empty.
	Reason string
}

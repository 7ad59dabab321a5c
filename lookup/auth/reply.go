package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/vmapd/vmapd/lookup/internal/strescape"
)

// errNoUser is a mistake of Check.
var errNoUser = errors.New("the outcome is Yes and names no user")

// encode appends the reply that an Outcome makes. One that cannot be sent is
// reported and becomes a temporary failure.
func (c *client) encode(dst []byte, r *request, out *Outcome) []byte {
	start := len(dst)
	a, problem := &r.a, out.Fields.bad
	if out.Verdict == Yes && out.User == "" && problem == nil {
		problem = errNoUser
	}
	switch out.Verdict {
	case Yes:
		dst = appendOK(dst, r.id, a, out)
	case No:
		dst = appendRefusal(dst, r.id, a, out)
	default:
		out.Verdict = Unsure // also if it was none of the three
		dst = appendFail(dst, r.id, a.Login, tempFail, "", nil)
	}
	if n := len(dst) - start; n > MaxReply && problem == nil {
		problem = fmt.Errorf("the reply would be a line of %d bytes, clients read %d", n, MaxReply)
	}
	if problem != nil {
		c.refused("AUTH", a.Login, problem.Error())
		*out = Outcome{Delay: out.Delay}
		return appendFail(dst[:start], r.id, nil, tempFail, "", nil)
	}
	return dst
}

// appendOK appends the line of a login that succeeded.
func appendOK(dst []byte, id uint32, a *Attempt, out *Outcome) []byte {
	dst = appendID(append(dst, "OK\t"...), id)
	dst = appendField(dst, "user", out.User)
	dst = appendOthers(dst, out)
	if out.NoLogin {
		dst = append(dst, "\tnologin"...)
		if out.Reason != "" {
			dst = appendField(dst, "reason", out.Reason)
		}
	}
	dst = append(dst, out.Fields.b...)
	if len(a.final) > 0 {
		dst = base64.StdEncoding.AppendEncode(append(dst, "\tresp="...), a.final)
	}
	return append(dst, '\n')
}

// appendRefusal appends the line of a login that failed.
func appendRefusal(dst []byte, id uint32, a *Attempt, out *Outcome) []byte {
	if out.User == "" {
		return appendFail(dst, id, a.Login, out.Code, out.Reason, out)
	}
	return appendFail(dst, id, []byte(out.User), out.Code, out.Reason, out)
}

// appendFail appends a FAIL. user, reason and out may be empty.
func appendFail(dst []byte, id uint32, user []byte, code Code, reason string, out *Outcome) []byte {
	dst = appendID(append(dst, "FAIL\t"...), id)
	if len(user) > 0 {
		dst = appendField(dst, "user", user)
	}
	if code != NoCode {
		dst = appendField(dst, "code", string(code))
	}
	if reason != "" {
		dst = appendField(dst, "reason", reason)
	}
	if out != nil {
		dst = appendOthers(dst, out)
		dst = append(dst, out.Fields.b...)
	}
	return append(dst, '\n')
}

// appendOthers appends the users that the reply is not about, as Dovecot's
// auth_str_append_extra_fields does.
func appendOthers(dst []byte, out *Outcome) []byte {
	if out.Original != "" && out.Original != out.User {
		dst = appendField(dst, "original_user", out.Original)
	}
	if out.Master != "" {
		dst = appendField(dst, "auth_user", out.Master)
	}
	return dst
}

// appendChallenge appends the CONT of the server.
func appendChallenge(dst []byte, id uint32, challenge []byte) []byte {
	dst = appendID(append(dst, "CONT\t"...), id)
	dst = base64.StdEncoding.AppendEncode(append(dst, '\t'), challenge)
	return append(dst, '\n')
}

// appendField appends a field.
func appendField[T string | []byte](dst []byte, name string, value T) []byte {
	dst = append(append(append(dst, '\t'), name...), '=')
	return strescape.Append(dst, value)
}

// appendID appends an id.
func appendID(dst []byte, id uint32) []byte { return strconv.AppendUint(dst, uint64(id), 10) }

// appendLine appends an id and ends the line.
func appendLine(dst []byte, id uint32) []byte { return append(appendID(dst, id), '\n') }

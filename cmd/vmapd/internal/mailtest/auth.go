package mailtest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// AuthStub is a server of Dovecot's authentication client protocol, as far as
// Postfix's smtpd speaks it: the handshake and the PLAIN mechanism
// (Postfix: src/xsasl/xsasl_dovecot_server.c). It stands where Dovecot, or
// another server of the protocol, would.
type AuthStub struct {
	Passwords map[string]string // login in lower case: password
}

// ListenAuth serves the protocol on a unix socket until the test ends.
func ListenAuth(t testing.TB, socket string, passwords map[string]string) *AuthStub {
	t.Helper()
	a := &AuthStub{Passwords: passwords}
	serve(t, listen(t, socket, ""), a.session)
	return a
}

// session answers one smtpd process, which keeps its connection.
func (a *AuthStub) session(c net.Conn) {
	// At least one MECH must come before SPID.
	fmt.Fprintf(c, "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t%d\nCUID\t1\nDONE\n", os.Getpid())
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		switch {
		case fields[0] == "AUTH" && len(fields) > 2:
			resp, ok := strings.CutPrefix(fields[len(fields)-1], "resp=")
			if !ok {
				fmt.Fprintf(c, "CONT\t%s\t\n", fields[1])
				continue
			}
			fmt.Fprint(c, a.verdict(fields[1], resp))
		case fields[0] == "CONT" && len(fields) > 2:
			fmt.Fprint(c, a.verdict(fields[1], fields[2]))
		}
	}
}

// verdict is the reply to the PLAIN response (RFC 4616) of request id.
func (a *AuthStub) verdict(id, response string) string {
	plain, err := base64.StdEncoding.DecodeString(response)
	parts := strings.Split(string(plain), "\x00")
	if err != nil || len(parts) != 3 {
		return fmt.Sprintf("FAIL\t%s\treason=invalid response\n", id)
	}
	login := strings.ToLower(parts[1])
	if want, ok := a.Passwords[login]; !ok || want != parts[2] {
		return fmt.Sprintf("FAIL\t%s\tuser=%s\n", id, login)
	}
	return fmt.Sprintf("OK\t%s\tuser=%s\n", id, login)
}

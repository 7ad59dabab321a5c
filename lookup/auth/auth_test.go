package auth

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/vmapd/vmapd/lookup/internal/linetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testCheck knows a few people.
func testCheck(a *Attempt) (Outcome, Rest) {
	login, password := string(a.Login), string(a.Password)
	switch {
	case login == "admin" && password == "root":
		if user := string(a.Authzid); user != "alice@d1.test" {
			return Outcome{Verdict: No, User: user, Code: AuthzFailed, Master: "admin"}, nil
		}
		return Outcome{Verdict: Yes, User: "alice@d1.test", Master: "admin"}, nil
	case strings.EqualFold(login, "alice@d1.test") && password == "secret":
		return Outcome{Verdict: Yes, User: "alice@d1.test", Original: login}, nil
	case login == "bob@d1.test":
		return Outcome{Verdict: No, User: "bob@d1.test", Code: UserDisabled}, nil
	case login == "carol@d1.test":
		return Outcome{Verdict: No, Code: PassExpired, Reason: "Change it"}, nil
	case login == "dave@d1.test":
		return Outcome{Verdict: Yes, User: login, NoLogin: true, Reason: "Maintenance"}, nil
	case login == "eve@d1.test":
		return Outcome{Reason: "is not sent"}, nil
	case login == "frank@d1.test":
		return Outcome{Verdict: Yes}, nil
	case login == "odd@d1.test":
		out := Outcome{Verdict: Yes, User: "o\td\x01d"}
		out.Fields.AddBytes("session", a.Session)
		out.Fields.Flag("flag")
		out.Fields.AddInt("n", -3)
		return out, nil
	case login == "proxy@d1.test":
		out := Outcome{Verdict: Yes, User: login}
		out.Fields.Flag("proxy")
		out.Fields.Add("host", "192.0.2.9")
		return out, nil
	}
	return Outcome{Verdict: No}, nil
}

// testUser knows the same people.
func testUser(_ context.Context, r *UserRequest) UserReply {
	f := r.NewFields()
	user := strings.ToLower(string(r.User))
	local, _, _ := strings.Cut(user, "@")
	switch local {
	case "alice", "bob", "carol", "dave":
		f.AddInt("uid", 5000)
		f.AddInt("gid", 5000)
		f.AddBytes("home", []byte("/srv/d1.test/"+local))
		return UserReply{Verdict: Yes, User: user, Fields: f}
	case "odd":
		f.Add("home", "/srv/tab\there\nnewline\rcr\x01soh\x00nul")
		return UserReply{Verdict: Yes, Fields: f}
	case "long":
		f.Add("home", strings.Repeat("x", MaxReply))
		return UserReply{Verdict: Yes, Fields: f}
	case "bad":
		f.Add("a=b", "c")
		return UserReply{Verdict: Yes, Fields: f}
	case "eve":
		return UserReply{Reason: "no\tdata"}
	}
	return UserReply{Verdict: No}
}

// testPass answers PASS.
func testPass(ctx context.Context, r *UserRequest) UserReply {
	reply := testUser(ctx, r)
	reply.Fields, reply.Reason = Fields{}, ""
	reply.Fields.Add("allow_nets", "192.0.2.0/24")
	return reply
}

// testFlush counts.
func testFlush(_ context.Context, users []string) (int, error) {
	switch {
	case len(users) == 0:
		return 100, nil
	case users[0] == "eve@d1.test":
		return 0, errors.New("no cache")
	}
	return len(users), nil
}

// testServer is a Server that knows them.
func testServer() *Server {
	return &Server{Check: testCheck, User: testUser, Pass: testPass, Flush: testFlush, SPID: 4242, Prompt: func() bool { return true }}
}

// sameCookie is a connection whose cookie is known beforehand.
type sameCookie struct{ net.Conn }

var cookiePattern = regexp.MustCompile(`COOKIE\t[0-9a-f]{32}\n`)

func (c sameCookie) Write(b []byte) (int, error) {
	_, err := c.Conn.Write(cookiePattern.ReplaceAll(b, []byte("COOKIE\t0123456789abcdef0123456789abcdef\n")))
	return len(b), err
}

// serveClient and serveMaster serve one connection each with a new Server.
func serveClient(ctx context.Context, nc net.Conn) error {
	return testServer().ServeClient(ctx, sameCookie{nc})
}

func serveMaster(ctx context.Context, nc net.Conn) error {
	return testServer().ServeMaster(ctx, nc, nil)
}

func TestTranscripts(t *testing.T) {
	t.Run("client", func(t *testing.T) { linetest.PlayAllIn(t, "testdata/client", serveClient) })
	t.Run("master", func(t *testing.T) { linetest.PlayAllIn(t, "testdata/master", serveMaster) })
}

// TestSplits cuts what the client sends at random places.
func TestSplits(t *testing.T) {
	t.Run("client", func(t *testing.T) { linetest.PlaySplitsIn(t, "testdata/client", serveClient) })
	t.Run("master", func(t *testing.T) { linetest.PlaySplitsIn(t, "testdata/master", serveMaster) })
}

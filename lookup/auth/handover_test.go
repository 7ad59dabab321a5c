package auth

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/vmapd/vmapd/internal/property"
)

const wrongCookie = "00000000000000000000000000000000"

func TestHandOver(t *testing.T) {
	login := func(k *talker, id, user, password string) {
		k.send(plainText(id, "imap\tsession=abc\tlocal_name=mail.d1.test", user, password))
	}
	masterLogin := func(k *talker) { k.send("AUTH\t4\tPLAIN\tservice=imap\tresp=YWxpY2VAZDEudGVzdABhZG1pbgByb290\n") }
	const alice = "alice@d1.test\tuid=5000\tgid=5000\thome=/srv/d1.test/alice"

	synctest.Test(t, func(t *testing.T) {
		s := testServer()
		k, m := newClient(t, s, "2", "77"), newMaster(t, s, nil)
		login(k, "1", "alice@d1.test", "secret")
		k.want("OK\t1\tuser=alice@d1.test")
		m.send("REQUEST\t10\t77\t1\t" + wrongCookie + "\n")
		m.want("FAIL\t10")
		m.send("REQUEST\t11\t78\t1\t" + k.cookie + "\n")
		m.want("FAIL\t11")
		m.send("REQUEST\t12\t77\t2\t" + k.cookie + "\n")
		m.want("FAIL\t12")
		m.send("REQUEST\t13\t77\t1\t" + k.cookie + "\tsession_pid=99\n") // the peer of a pipe is not known
		m.want("USER\t13\t" + alice + "\tauth_mech=PLAIN")
		m.send("REQUEST\t14\t77\t1\t" + k.cookie + "\n")
		m.want("FAIL\t14")

		login(k, "2", "ALICE@d1.test", "secret")
		k.want("OK\t2\tuser=alice@d1.test\toriginal_user=ALICE@d1.test")
		m.send("REQUEST\t15\t77\t2\t" + k.cookie + "\tsession_pid=99\trequest_auth_token\n")
		got := m.line()
		if !regexp.MustCompile("^USER\t15\t" + alice + "\tauth_mech=PLAIN\tauth_token=[0-9a-f]{40}\tauth_user=ALICE@d1.test$").MatchString(got) {
			t.Errorf("got %q", got)
		}
		masterLogin(k)
		k.want("OK\t4\tuser=alice@d1.test\tauth_user=admin")
		m.send("REQUEST\t16\t77\t4\t" + k.cookie + "\n")
		m.want("USER\t16\t" + alice + "\tmaster_user=admin\tauth_mech=PLAIN\tauth_user=admin")

		for _, tc := range []struct{ name, what string }{
			{"failed", plainText("5", "imap", "alice@d1.test", "wrong")},
			{"not let in", plainText("5", "imap", "dave@d1.test", "x")},
			{"proxied", plainText("5", "imap", "proxy@d1.test", "x")},
			{"no session follows", plainText("5", "smtp\tnologin", "alice@d1.test", "secret")},
		} {
			k.send(tc.what)
			k.line()
			m.send("REQUEST\t17\t77\t5\t" + k.cookie + "\n")
			m.want("FAIL\t17")
		}
		login(k, "6", "alice@d1.test", "secret")
		k.line()
		k.send("CANCEL\t6\n" + plainText("7", "imap", "odd@d1.test", "x"))
		k.line()
		m.send("REQUEST\t18\t77\t6\t" + k.cookie + "\n")
		m.want("FAIL\t18")
		m.send("REQUEST\t19\t77\t7\t" + k.cookie + "\n") // the user is not what User knows
		m.want("NOTFOUND\t19")

		login(k, "7", "alice@d1.test", "secret")
		k.line()
		login(k, "7", "alice@d1.test", "wrong") // the client has forgotten the first
		k.line()
		m.send("REQUEST\t19\t77\t7\t" + k.cookie + "\n")
		m.want("FAIL\t19")

		login(k, "8", "alice@d1.test", "secret")
		k.line()
		time.Sleep(keepFor)
		m.send("REQUEST\t20\t77\t8\t" + k.cookie + "\n")
		m.want("FAIL\t20")
		login(k, "9", "alice@d1.test", "secret")
		k.line()
		k.nc.Close()
		synctest.Wait()
		m.send("REQUEST\t21\t77\t9\t" + k.cookie + "\n")
		m.want("FAIL\t21")
		if len(s.logins.clients) != 0 {
			t.Error("a connection that ended is still known")
		}

		new4 := newClient(t, s, "4", "77")
		login(new4, "1", "alice@d1.test", "secret")
		new4.line()
		m.send("REQUEST\t22\t77\t1\t" + new4.cookie + "\n")
		m.want("USER\t22\t" + alice + "\tauth_mech=PLAIN\tlocal_name=mail.d1.test")
	})
}

// handoverModel is what the hand-over must be: logins by the connection they
// were made on, each with who may have it.
type handoverModel struct {
	logins map[string]time.Time // "connection/id": made at
}

// TestHandOverModel logs in, cancels, closes and asks at random, over several
// connections of which some share a process id: no login is given twice, to
// a wrong cookie, after its time or after its end.
func TestHandOverModel(t *testing.T) {
	property.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			s := testServer()
			s.User = func(_ context.Context, r *UserRequest) UserReply {
				return UserReply{Verdict: Yes, User: string(r.Session)}
			}
			model := handoverModel{logins: map[string]time.Time{}}
			m := newMaster(t, s, nil)
			type conn struct {
				*talker
				name, cpid string
			}
			var conns []*conn
			serial := 0
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				action := rapid.IntRange(0, 9).Draw(rt, "action")
				if len(conns) == 0 || action == 0 && len(conns) < 4 {
					cpid := strconv.Itoa(rapid.IntRange(1, 2).Draw(rt, "cpid"))
					serial++
					conns = append(conns, &conn{newClient(t, s, "4", cpid), fmt.Sprint("c", serial), cpid})
					continue
				}
				i := rapid.IntRange(0, len(conns)-1).Draw(rt, "connection")
				c := conns[i]
				id := strconv.Itoa(rapid.IntRange(1, 3).Draw(rt, "id"))
				key := c.name + "/" + id
				switch {
				case action <= 4:
					serial++
					key := fmt.Sprint(key, "/", serial)
					c.send(plainText(id, "imap\tsession="+key, "alice@d1.test", "secret"))
					c.want("OK\t" + id + "\tuser=alice@d1.test")
					model.forget(c.name + "/" + id)
					model.logins[key] = time.Now()
				case action == 5:
					c.send("CANCEL\t" + id + "\n")
					c.want("CANCELLED\t" + id)
					model.forget(key)
				case action == 6:
					c.nc.Close()
					synctest.Wait()
					model.forget(c.name)
					conns = append(conns[:i], conns[i+1:]...)
				case action == 7:
					time.Sleep(time.Duration(rapid.IntRange(1, 160).Draw(rt, "seconds")) * time.Second)
				default:
					from := conns[rapid.IntRange(0, len(conns)-1).Draw(rt, "cookie of")]
					m.send("REQUEST\t1\t" + c.cpid + "\t" + id + "\t" + from.cookie + "\n")
					want := "FAIL\t1"
					if from.cpid == c.cpid {
						if key := model.take(from.name + "/" + id); key != "" {
							want = "USER\t1\t" + key + "\tauth_mech=PLAIN"
						}
					}
					m.want(want)
				}
			}
			for _, c := range conns {
				c.nc.Close()
			}
		})
	})
}

// forget removes what was made on a connection, or with one of its ids.
func (m *handoverModel) forget(prefix string) {
	for key := range m.logins {
		if strings.HasPrefix(key, prefix+"/") {
			delete(m.logins, key)
		}
	}
}

// take gives what REQUEST must give: the name of the login, or nothing.
func (m *handoverModel) take(prefix string) string {
	for key, at := range m.logins {
		if strings.HasPrefix(key, prefix+"/") {
			delete(m.logins, key)
			if time.Since(at) < keepFor {
				return key
			}
		}
	}
	return ""
}

// TestSessionPID asks over a unix socket, where the kernel knows who asks.
func TestSessionPID(t *testing.T) {
	s := testServer()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	done := make(chan error)
	go func() {
		nc, err := ln.Accept()
		if err == nil {
			defer nc.Close()
			err = s.ServeMaster(context.Background(), nc, func(p Peer) Rights {
				if p != (Peer{os.Getpid(), uint32(os.Getuid()), uint32(os.Getgid()), true}) {
					t.Errorf("the peer is %+v", p)
				}
				return AllRights
			})
		}
		done <- err
	}()
	nc, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m := wrap(t, nc)
	m.want("VERSION\t1\t1")
	m.want("SPID\t4242")
	m.send("VERSION\t1\t1\n")
	k := newClient(t, s, "2", "77")
	for id, tc := range []struct{ session, want string }{
		{"\tsession_pid=1", "FAIL"},
		{"\tsession_pid=x", "FAIL"},
		{fmt.Sprint("\tsession_pid=", os.Getpid()), "USER"},
		{"", "USER"},
	} {
		text := strconv.Itoa(id)
		k.send(plainText(text, "imap", "alice@d1.test", "secret"))
		k.line()
		for _, want := range []string{tc.want, "FAIL"} { // also who was refused has used it up
			m.send("REQUEST\t1\t77\t" + text + "\t" + k.cookie + tc.session + "\n")
			if got, _, _ := strings.Cut(m.line(), "\t"); got != want {
				t.Errorf("%q: %s, want %s", tc.session, got, want)
			}
		}
	}
	nc.Close()
	if err := <-done; err != nil {
		t.Errorf("ServeMaster: %v", err)
	}
}

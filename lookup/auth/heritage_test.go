package auth

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

// TestHeritage has one server take the place of another between the two steps of
// a login, in every order.
func TestHeritage(t *testing.T) {
	const alice = "alice@d1.test\tuid=5000\tgid=5000\thome=/srv/d1.test/alice\tauth_mech=PLAIN"
	synctest.Test(t, func(t *testing.T) {
		old, next, heritage := testServer(), testServer(), make(chan struct{})
		next.Heritage = heritage
		k, mate := newClient(t, old, "2", "77"), newClient(t, old, "2", "77")
		for _, id := range []string{"1", "2", "3"} {
			k.send(plainText(id, "imap", "alice@d1.test", "secret"))
			k.want("OK\t" + id + "\tuser=alice@d1.test")
		}
		mate.send(plainText("1", "imap", "alice@d1.test", "secret"))
		mate.want("OK\t1\tuser=alice@d1.test")

		// Drained, the old one still gives what it has.
		k.drain()
		mate.drain()
		if err := k.ended(); err != nil {
			t.Fatal(err)
		}
		mate.ended()
		m := newMaster(t, old, nil)
		m.send("REQUEST\t1\t77\t1\t" + k.cookie + "\n")
		m.want("USER\t1\t" + alice)

		// The next one waits for it. JSON is how it travels.
		n := newMaster(t, next, nil)
		n.send("REQUEST\t2\t77\t2\t" + k.cookie + "\n")
		synctest.Wait()
		text, err := json.Marshal(old.Leave())
		if err != nil {
			t.Fatal(err)
		}
		var left []KeptLogin
		if err := json.Unmarshal(text, &left); err != nil || len(left) != 3 {
			t.Fatalf("%v, %s", err, text)
		}
		next.Adopt(left)
		close(heritage)
		n.want("USER\t2\t" + alice)

		// Each is given once, by one of them, to who knows the cookie.
		m.send("REQUEST\t3\t77\t3\t" + k.cookie + "\n")
		m.want("FAIL\t3")
		n.send("REQUEST\t4\t77\t2\t" + k.cookie + "\n")
		n.want("FAIL\t4")
		n.send("REQUEST\t5\t77\t3\t" + mate.cookie + "\n")
		n.want("FAIL\t5")
		n.send("REQUEST\t6\t77\t3\t" + k.cookie + "\n")
		n.want("USER\t6\t" + alice)

		// What nobody asks for is forgotten in time.
		time.Sleep(keepFor)
		n.send("REQUEST\t7\t77\t1\t" + mate.cookie + "\n")
		n.want("FAIL\t7")
		late := newClient(t, next, "2", "78")
		late.send(plainText("1", "imap", "alice@d1.test", "secret"))
		late.want("OK\t1\tuser=alice@d1.test")
		if len(next.logins.orphans) != 0 || len(next.logins.clients) != 1 {
			t.Errorf("%d orphans, %d processes", len(next.logins.orphans), len(next.logins.clients))
		}
	})
}

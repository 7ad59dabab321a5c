package daemon

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Clients of Dovecot's protocols that send garbage, half lines, a field of 1 MiB,
// 10,000 questions at once, or never read, harm nobody else: those who ask
// decently are answered all the while, at each of the sockets.
func TestDovecotAbuse(t *testing.T) {
	r := newRig(t, `
[[listen]]
protocol = "dict"
address = "unix:%DIR%/dict"
[[listen]]
protocol = "auth"
address = "unix:%DIR%/auth"
[[listen]]
protocol = "auth-master"
address = "unix:%DIR%/auth-master"
`)
	initDatabase(t, r.database())
	r.start(t).loaded(t)
	plain := base64.StdEncoding.EncodeToString([]byte("\x00user@example.com\x00secret"))
	text := func(format string) func(int) string { return func(n int) string { return fmt.Sprintf(format, n) } }
	fixed := func(text string) func(int) string { return func(int) string { return text } }
	protocols := []struct {
		socket, hello string
		greeting      int              // lines
		ask, answer   func(int) string // to a question with a number
	}{
		{"dict", "H3\t2\t0\t\tquota\n", 0, fixed("Lpriv/quota/storage\tuser@example.com\n"), fixed("O0\n")},
		{"auth", "VERSION\t1\t2\nCPID\t100\n", 7, text("AUTH\t%d\tPLAIN\tservice=imap\tresp=" + plain + "\n"), text("OK\t%d\tuser=user@example.com")},
		{"auth-master", "VERSION\t1\t1\n", 2, text("USER\t%d\tuser@example.com\tservice=lmtp\n"), text("USER\t%d\tuser@example.com\t")},
	}
	dial := func(p int) *talk {
		k := newTalk(t, "unix", r.path(protocols[p].socket))
		for range protocols[p].greeting {
			k.hear("")
		}
		k.say(protocols[p].hello)
		return k
	}
	var decent []*talk
	for p := range protocols {
		decent = append(decent, dial(p))
	}
	serial := 0
	ask := func(rounds int) {
		for range rounds {
			serial++
			for p, k := range decent {
				k.nc.SetDeadline(time.Now().Add(time.Minute))
				k.say(protocols[p].ask(serial))
				line, err := k.in.ReadString('\n')
				if want := protocols[p].answer(serial); err != nil || !strings.HasPrefix(line, want) {
					t.Fatalf("%s: %q, %v; want %q", protocols[p].socket, line, err, want)
				}
			}
		}
	}
	ask(1)
	for p := range protocols {
		proto := protocols[p]
		question := proto.ask(1)
		for name, abuse := range map[string]string{
			"garbage":      strings.Repeat("\xff\x00\n\x01\t\r", 10_000),
			"half a line":  question[:len(question)/2],
			"large field":  question[:len(question)-1] + "\tx=" + strings.Repeat("x", 1<<20) + "\n",
			"never reads":  strings.Repeat(question, 100_000),
			"leaves early": strings.Repeat(question, 100),
		} {
			t.Run(proto.socket+"/"+name, func(t *testing.T) {
				var sending sync.WaitGroup
				var bad []net.Conn
				for range 10 {
					k := dial(p)
					bad = append(bad, k.nc)
					sending.Go(func() {
						k.nc.SetWriteDeadline(time.Now().Add(time.Second))
						io.WriteString(k.nc, abuse)
						if name == "leaves early" {
							k.nc.Close()
						}
					})
				}
				ask(50)
				sending.Wait()
				ask(50)
				for _, nc := range bad {
					nc.Close()
				}
			})
		}
		t.Run(proto.socket+"/10,000 at once", func(t *testing.T) {
			k := dial(p)
			var sending sync.WaitGroup
			sending.Go(func() {
				w := bufio.NewWriter(k.nc)
				for i := range 10_000 {
					w.WriteString(proto.ask(i + 1))
				}
				w.Flush()
			})
			ask(50)
			k.nc.SetDeadline(time.Now().Add(time.Minute))
			for i := range 10_000 {
				line, err := k.in.ReadString('\n')
				if want := proto.answer(i + 1); err != nil || !strings.HasPrefix(line, want) {
					t.Fatalf("answer %d is %q, %v; want %q", i+1, line, err, want)
				}
			}
			sending.Wait()
			k.nc.Close()
		})
	}
	eventually(t, "the connections of the others are closed", func() bool {
		n := 0
		for _, l := range r.openConnections() {
			n += l
		}
		return n <= len(decent)+1
	})
}

package milter

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/dkim/milter/miltertest"
)

// BenchmarkSession is a session with one message that is signed with Ed25519,
// which costs next to nothing: what is left is the protocol and the message.
func BenchmarkSession(b *testing.B) {
	keys, err := testKeys()
	if err != nil {
		b.Fatal(err)
	}
	s := newServer(b)
	s.Keys = func(context.Context, string) ([]*dkim.Key, string) { return keys[1:], "" }
	line := base64.StdEncoding.EncodeToString(make([]byte, 57)) + "\r\n"
	for _, size := range []int{2 << 10, 20 << 10, 5 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			in := dialogue(miltertest.AllProtocol, strings.Repeat(line, size/len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.ServeConn(b.Context(), &script{in: strings.NewReader(in)}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

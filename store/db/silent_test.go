package db_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/vmapd/vmapd/store/db"
)

// TestServerThatSaysNothing accepts connections and is silent: connecting is
// given up after ConnectTimeout, not after the time that an answer may take.
func TestServerThatSaysNothing(t *testing.T) {
	for _, scheme := range []string{"postgres", "mysql"} {
		t.Run(scheme, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			all.Go(func() {
				for {
					nc, err := ln.Accept()
					if err != nil {
						return
					}
					t.Cleanup(func() { nc.Close() })
				}
			})
			t.Cleanup(func() { ln.Close(); all.Wait() })
			d, err := db.Open(scheme+"://u@"+ln.Addr().String()+"/x", db.Options{ConnectTimeout: 50 * time.Millisecond, IOTimeout: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			var e *db.ConnectError
			if err := d.Connect(t.Context()); !errors.As(err, &e) || e.Kind != db.Unreachable { // or it takes an hour
				t.Errorf("%v (%T)", err, err)
			}
		})
	}
}

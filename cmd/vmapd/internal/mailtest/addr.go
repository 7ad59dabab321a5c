package mailtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Ports used on an instance's own loopback address. They lie outside Linux's
// ephemeral range, so that no outgoing connection can take them between two
// binds.
const (
	portMX            = 20025
	portSubmission    = 20587
	portSubmissionOld = 20588
	portFirstFree     = 20600
)

// LoopbackIP returns an address of 127.64.0.0/10 on which the given ports are
// free. An address of one's own makes a collision with another test, or
// with a program that took a port of 127.0.0.1, all but impossible.
func LoopbackIP(t testing.TB, ports ...int) string {
	t.Helper()
	for range 100 {
		ip := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(256), 1+rand.IntN(254))
		if free(ip, ports) {
			return ip
		}
	}
	t.Fatalf("no loopback address with free ports %v found", ports)
	return ""
}

// LoopbackAddrs returns n "ip:port" pairs on one loopback address of their
// own on which nothing listens.
func LoopbackAddrs(t testing.TB, n int) []string {
	t.Helper()
	ports := make([]int, n)
	for i := range ports {
		ports[i] = portFirstFree + i
	}
	ip := LoopbackIP(t, ports...)
	addrs := make([]string, n)
	for i, port := range ports {
		addrs[i] = fmt.Sprintf("%s:%d", ip, port)
	}
	return addrs
}

// free reports whether every port of ip can be bound.
func free(ip string, ports []int) bool {
	for _, port := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", ip, port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

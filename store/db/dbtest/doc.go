// Package dbtest starts throw-away database servers for tests: the real
// PostgreSQL and MariaDB of the distribution's packages, in temporary
// directories, on free loopback ports and private sockets, never the system's
// own instances.
//
//	func TestSomething(t *testing.T) {
//		dbtest.Each(t, func(t *testing.T, url string) { … an empty database … })
//	}
//
// One server of each kind is started per test process, at first use, and
// shared; NewPostgres and NewMariaDB start one of the test's own, to be
// stopped or killed. Where the programs are missing the test is skipped,
// unless the environment says VMAPD_PEERS=required; then it fails and names
// the package to install.
//
// A package may end its shared servers at once with
//
//	func TestMain(m *testing.M) { os.Exit(dbtest.Main(m)) }
//
// Without it they end a moment after the test process, however that ends: a
// small shell waits for the end of a pipe, stops the server and removes its
// directory.
package dbtest

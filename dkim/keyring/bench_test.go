package keyring

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vmapd/vmapd/dkim"
	"github.com/vmapd/vmapd/store"
)

// BenchmarkManyDomains begins with 100,000 domains that have a key of 2,048
// bits each. It reports how long it takes until the ring knows what there is
// (sync), until all is read in the background, until a message gets a key that has
// not been read while that goes on (urgent), the same and the parsing of one that
// has (cold), of one that is parsed (warm), and the memory of the process, which
// holds one snapshot too, with the collector set as in the daemon. On a machine
// that does other things look at cpu-s.
func BenchmarkManyDomains(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	text := pemOf(b, keys()[0])
	public := dkim.PublicBase64(keys()[0].Public())
	builder := store.NewBuilder()
	for i := range n {
		path := filepath.Join(dir, strconv.Itoa(i/1000), fmt.Sprintf("d%d.example.test.pem", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
		d := domainRow(uint32(i+1), fmt.Sprintf("d%d.example.test", i), path)
		d.DKIM.PublicKey = public
		builder.AddDomain(d)
	}
	s := builder.Build(time.Now())
	debug.FreeOSMemory()
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	for b.Loop() {
		r := NewRing(Options{Dir: dir, Wait: time.Minute})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		began, used := time.Now(), cpuSeconds(b)
		r.Sync(s)
		b.ReportMetric(float64(time.Since(began).Microseconds()), "µs/sync-call")
		go func() { defer close(done); r.Run(ctx) }()
		get := func(i int) time.Duration {
			at := time.Now()
			if got, why := r.Keys(ctx, s, fmt.Sprintf("d%d.example.test", i)); len(got) != 1 {
				b.Fatal(why)
			}
			return time.Since(at)
		}
		get(n / 2)
		b.ReportMetric(1000*(cpuSeconds(b)-used), "cpu-ms/first-key")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/first-key")
		b.ReportMetric(float64(get(n-1).Microseconds()), "µs/urgent")
		for left := 1; left > 0; time.Sleep(5 * time.Millisecond) {
			r.mu.Lock()
			left = len(r.queue) + len(r.urgent)
			if r.synced == nil {
				left = 1
			}
			r.mu.Unlock()
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/all-read")
		b.ReportMetric(cpuSeconds(b)-used, "cpu-s/all-read")
		b.ReportMetric(float64(get(7).Microseconds()), "µs/cold")
		b.ReportMetric(float64(get(7).Nanoseconds())/1000, "µs/warm")
		b.ReportMetric(residentMB(b), "MB-RSS")
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/1e6, "MB-live")
		cancel()
		<-done
	}
	runtime.KeepAlive(s)
}

func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func residentMB(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range bytes.Lines(text) {
		if v, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kb, err := strconv.Atoi(string(bytes.Fields(v)[0]))
			if err != nil {
				b.Fatal(err)
			}
			return float64(kb) / 1000
		}
	}
	return 0
}

package store

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// fill adds n mailboxes with account, quota row and self-alias, spread over
// domains of a thousand.
func fill(b *Builder, n int) {
	const hash = "{SHA512-CRYPT}$6$rounds=70000$MmUHoC.A/w/OC29G$CxdB3j1EL/ddKqERjQ04oyf5J7xi2HlR/kFN6Yuq3Uue8ymH.QI/HyJ6HHiPKOADozYy8cnsmkjI.ynuCq255."
	domains := n/1000 + 1
	for d := range domains {
		b.AddDomain(Domain{ID: uint32(d + 1), Name: domainName(d), Type: LocalDomain, Enabled: true})
	}
	for i := range n {
		a := address(i)
		b.AddAccount(Account{ID: uint32(i + 1), Username: a, Email: a, Password: hash, Active: true, Local: true})
	}
	for i := range n {
		b.AddMailbox(Mailbox{ID: uint32(i + 1), Local: localPart(i), DomainID: uint32(i/1000 + 1), AccountID: uint32(i + 1), Quota: 1024})
	}
	for i := range n {
		b.AddQuotaUsage(QuotaUsage{Username: address(i), Bytes: int64(i), Messages: 3})
	}
	for i := range n {
		b.AddAlias(Alias{ID: uint32(i + 1), Address: address(i), DomainID: uint32(i/1000 + 1), Enabled: true, Internal: true})
	}
	for i := range n {
		b.AddRecipient(Recipient{ID: uint32(i + 1), Address: address(i), AliasID: uint32(i + 1), MailboxID: uint32(i + 1)})
	}
}

func domainName(d int) string { return fmt.Sprintf("d%d.bench.test", d) }
func localPart(i int) string  { return fmt.Sprintf("user%d", i%1000) }
func address(i int) string    { return localPart(i) + "@" + domainName(i/1000) }

// BenchmarkBuild builds a snapshot of a million mailboxes and reports the heap
// that it keeps, by mailbox.
func BenchmarkBuild(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		builder := NewBuilder()
		fill(builder, n)
		s := builder.Build(time.Now())
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "heapbytes/mailbox")
		runtime.KeepAlive(s)
	}
}

// BenchmarkFile writes and reads a stored snapshot of a million mailboxes.
func BenchmarkFile(b *testing.B) {
	builder := NewBuilder()
	fill(builder, 1_000_000)
	s := builder.Build(time.Now())
	path := b.TempDir() + "/snapshot"
	for b.Loop() {
		began := time.Now()
		if err := s.WriteFile(path, "db", "", began, func() {}); err != nil {
			b.Fatal(err)
		}
		wrote := time.Now()
		if _, _, err := ReadFile(path, "db"); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(wrote.Sub(began).Seconds(), "s/write")
		b.ReportMetric(time.Since(wrote).Seconds(), "s/read")
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(info.Size())/1_000_000, "bytes/mailbox")
}

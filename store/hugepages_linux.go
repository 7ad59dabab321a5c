package store

import (
	"os"
	"syscall"
)

// hugePages asks the system to back memory that is about to be filled with huge
// pages, where it gives them on request: a lookup touches two or three places
// in hundreds of megabytes, and with small pages each of them costs a walk
// through the page tables too. It is advice: what goes wrong is of no
// consequence.
func hugePages(b []byte) {
	page := os.Getpagesize()
	if len(b) < page {
		return
	}
	_ = syscall.Madvise(b[:len(b)/page*page], syscall.MADV_HUGEPAGE)
}

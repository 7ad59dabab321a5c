package store

import (
	"syscall"
	"unsafe"
)

// largePage is the size of a large page on the usual processors. Where it is
// another, advice is refused or does less; it does no harm where there are no
// large pages (transparent_hugepage/enabled: never).
const largePage = 2 << 20

// hugePages asks for large pages below memory that has not been touched: to
// touch it for the first time costs a fault for each page, which is most of the
// time that reading a stored snapshot takes. Pages that were touched come later,
// when the kernel finds the time.
func hugePages(words []uint64) {
	if len(words) < largePage/8 {
		return
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(words)))
	if from, to := inner(at, at+8*uintptr(len(words))); from < to {
		madvise(from, to-from, 14) // MADV_HUGEPAGE
	}
}

// collapse puts memory that is in use into large pages (Linux 6.1), one at a
// time: while it does, other threads wait for memory that they touch for the
// first time.
func collapse(from, to uintptr, giveWay func()) {
	from, to = inner(from, to)
	for ; from < to && madvise(from, largePage, 25); from += largePage { // MADV_COLLAPSE
		giveWay()
	}
}

// inner gives the large pages that lie within a stretch of memory: none if from is
// not before to.
func inner(from, to uintptr) (uintptr, uintptr) {
	return (from + largePage - 1) &^ (largePage - 1), to &^ (largePage - 1)
}

// madvise reports whether the advice was taken.
func madvise(at, size uintptr, advice int) bool {
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, at, size, uintptr(advice))
	return errno == 0
}

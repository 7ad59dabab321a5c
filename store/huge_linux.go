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
	from := uintptr(unsafe.Pointer(unsafe.SliceData(words)))
	inner(from, from+8*uintptr(len(words)), func(at, size uintptr) bool {
		return madvise(at, size, 14) // MADV_HUGEPAGE
	})
}

// collapse puts memory that is in use into large pages (Linux 6.1), one at a
// time: while it does, other threads wait for memory that they touch for the
// first time.
func collapse(from, to uintptr, giveWay func()) {
	inner(from, to, func(at, size uintptr) bool {
		for end := at + size; at < end; at += largePage {
			if !madvise(at, largePage, 25) { // MADV_COLLAPSE
				return false
			}
			giveWay()
		}
		return true
	})
}

// inner gives the large pages that lie within a stretch of memory, if any.
func inner(from, to uintptr, use func(at, size uintptr) bool) {
	from, to = (from+largePage-1)&^(largePage-1), to&^(largePage-1)
	if from < to {
		use(from, to-from)
	}
}

func madvise(at, size uintptr, advice int) bool {
	_, _, errno := syscall.Syscall(syscall.SYS_MADVISE, at, size, uintptr(advice))
	return errno == 0
}

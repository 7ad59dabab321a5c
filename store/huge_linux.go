package store

import (
	"syscall"
	"unsafe"
)

// hugePages asks for pages of two megabytes below a large allocation: to touch
// memory for the first time costs a fault for each page, which is most of the
// time that reading a stored snapshot takes. It does no harm where there are
// none (transparent_hugepage/enabled: never).
func hugePages(b []byte) {
	const (
		page         = 2 << 20
		madvHugePage = 14 // MADV_HUGEPAGE, madvise(2)
	)
	if len(b) < 2*page {
		return
	}
	begin := uintptr(unsafe.Pointer(&b[0]))
	skip := -begin & (page - 1)
	b = b[skip:]
	_ = syscall.Madvise(b[:len(b)&^(page-1)], madvHugePage) // it is advice
}

package sendlimit

import (
	"errors"
	"os"
	"syscall"
)

// mapPiece reserves a piece of a file (fallocate(2)), which grows if need be, and
// maps it. Without the blocks that are reserved the kernel would look for one when
// memory is used for the first time, and kill the process if there is none.
func mapPiece(f *os.File, begin int64, length int) ([]byte, error) {
	fd := int(f.Fd())
	for {
		err := syscall.Fallocate(fd, 0, begin, int64(length))
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, os.NewSyscallError("fallocate", err)
		}
	}
	b, err := syscall.Mmap(fd, begin, length, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return b, os.NewSyscallError("mmap", err)
}

// populate makes pages ready to be written to, without changing them: it does, and
// waits for, what the kernel else does when each is touched (madvise(2) with
// MADV_POPULATE_WRITE, Linux 5.14 or later).
func populate(pages []byte) error {
	const populateWrite = 23
	for {
		err := syscall.Madvise(pages, populateWrite)
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("madvise", err)
		}
	}
}

func unmap(piece []byte) {
	if piece != nil {
		_ = syscall.Munmap(piece) // fails for what is no mapping only
	}
}

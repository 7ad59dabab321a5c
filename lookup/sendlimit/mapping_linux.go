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

func unmap(piece []byte) {
	if piece != nil {
		_ = syscall.Munmap(piece) // fails for what is no mapping only
	}
}

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

// sendPages brings pages of a file to the disk (sync_file_range(2)). It gives the
// errors of the disk alone, of which fsync(2) would not hear any more: where the
// call is not to be had, or the file was closed, nothing is lost.
func sendPages(f *os.File, from, n int64) error {
	const waitBefore, write, waitAfter = 1, 2, 4
	c, err := f.SyscallConn()
	if err == nil {
		_ = c.Control(func(fd uintptr) { err = syscall.SyncFileRange(int(fd), from, n, waitBefore|write|waitAfter) })
	}
	for _, disk := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, disk) {
			return os.NewSyscallError("sync_file_range", err)
		}
	}
	return nil
}

func unmap(piece []byte) {
	if piece != nil {
		_ = syscall.Munmap(piece) // fails for what is no mapping only
	}
}

//go:build !linux

package sendlimit

import (
	"errors"
	"os"
)

// mapPiece is for systems that reserve blocks of a disk when they are asked to:
// here files are written.
func mapPiece(*os.File, int64, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func populate([]byte) error { return errors.ErrUnsupported }

func sendPages(*os.File, int64, int64) error { return nil }

func unmap([]byte) {}

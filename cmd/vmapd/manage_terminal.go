//go:build !linux

package main

import (
	"errors"
	"os"
)

// hideInput cannot hide what is typed on this system.
func hideInput(*os.File) (func(), error) { return nil, errors.New("not on this system") }

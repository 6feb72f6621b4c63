//go:build !linux

package flash

import "errors"

type serving struct{}

var errLinux = errors.New("only Linux has /dev/fuse")

// Mount needs Linux.
func Mount(string, string, Spec) (*FS, error) { return nil, errLinux }

// Close needs Linux.
func (f *FS) Close(...string) error { return errLinux }

// Check says why no disk can be had here.
func Check(string) error { return errLinux }

//go:build !linux || 386 || arm

package flash

import "errors"

type serving struct{}

var errLinux = errors.New("a disk of our own needs /dev/fuse and Linux on a processor of 64 bits")

// Mount needs Linux.
func Mount(string, string, Spec) (*FS, error) { return nil, errLinux }

// Close needs Linux.
func (f *FS) Close(...string) error { return errLinux }

// Check says why no disk can be had here.
func Check(string) error { return errLinux }

package profile

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// trusted refuses a file that somebody else may have put there: it names the
// server that gets the token, and commands to run. Root works on the files of
// others, in a container say, but not on what lies in a directory that is open
// to all.
func trusted(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody may write to %s; chmod o-w %s", file, file)
	}
	owner, me := int(info.Sys().(*syscall.Stat_t).Uid), os.Geteuid()
	if owner == me || owner == 0 {
		return nil
	}
	if dir, err := os.Stat(filepath.Dir(file)); me == 0 && err == nil && dir.Mode().Perm()&0o002 == 0 {
		return nil
	}
	return fmt.Errorf("%s belongs to another user; make it your own, or go to another directory", file)
}

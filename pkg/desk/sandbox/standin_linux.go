package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// programDirs are where a payload looks for programs.
var programDirs = []string{"/bin", "/usr/bin", "/sbin", "/usr/sbin"}

// A standIn is a file of the host that will take the place of a program, as a
// mount that is nowhere yet: once the payload's root is entered, the host's files
// are out of reach, and before, links of the payload would lead to the host's.
type standIn struct {
	name string
	fds  []int // one for each of programDirs
}

func openStandIns(programs map[string]string) (all []standIn, err error) {
	for name, file := range programs {
		s := standIn{name: name}
		for range programDirs {
			fd, err := unix.OpenTree(unix.AT_FDCWD, file, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
			if err != nil {
				return nil, fmt.Errorf("program %s: %w", name, err)
			}
			s.fds = append(s.fds, fd)
		}
		all = append(all, s)
	}
	return all, nil
}

// place puts s where its program is, in each directory that has one.
func (s standIn) place() error {
	for i, dir := range programDirs {
		at := dir + "/" + s.name
		if _, err := os.Stat(at); err == nil {
			if err := unix.MoveMount(s.fds[i], "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS); err != nil {
				return fmt.Errorf("program %s: %w", at, err)
			}
		}
		unix.Close(s.fds[i])
	}
	return nil
}

package serve

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// A snapshot names the first size bytes of one very file, whatever has been
// appended to it since and wherever rotation has moved it in its directory
// (docs/wire.md).
type snapshot struct {
	inode uint64
	size  int64
	ends  uint32 // CRC-32C of the first and the last 4 KiB, or of all if that is less
}

// token is the three in hex with dashes between.
func (s snapshot) token() string {
	b := strconv.AppendUint(nil, s.inode, 16)
	b = strconv.AppendInt(append(b, '-'), s.size, 16)
	return string(strconv.AppendUint(append(b, '-'), uint64(s.ends), 16))
}

func parseSnapshot(token string) (s snapshot, ok bool) {
	inode, rest, _ := strings.Cut(token, "-")
	size, ends, _ := strings.Cut(rest, "-")
	var err1, err2, err3 error
	s.inode, err1 = strconv.ParseUint(inode, 16, 64)
	s.size, err2 = strconv.ParseInt(size, 16, 64)
	crc, err3 := strconv.ParseUint(ends, 16, 32)
	s.ends = uint32(crc)
	// There is one way to write a snapshot: another would be another URL for
	// the same.
	return s, err1 == nil && err2 == nil && err3 == nil && s.token() == token
}

// maxSearch is how many entries of a directory are looked at one by one where
// the file system's directories tell other inode numbers than its files
// (overlayfs).
const maxSearch = 4096

// find opens the file of s: the one at path, or the one that was there before
// and now has another name in the same directory.
func (r *run) find(path string, s snapshot) (*file, error) {
	if f, err := r.open(path); err == nil {
		if f.st.Ino == s.inode {
			return f.hasAll(s)
		}
		f.close()
	}
	dir := parent(path)
	f, err := r.findIn(dir, s)
	if err != nil {
		// The path may be a link to a log that is rotated somewhere else.
		if to, lerr := readlink(path); lerr == nil {
			if to[0] != '/' {
				to = dir + "/" + to
			}
			f, err = r.findIn(parent(to), s)
		}
	}
	if err != nil {
		return nil, err
	}
	return f.hasAll(s)
}

// hasAll returns f if it is long enough to hold s.
func (f *file) hasAll(s snapshot) (*file, error) {
	if f.isDir() || f.size() < s.size {
		f.close()
		return nil, syscall.ENOENT
	}
	return f, nil
}

// findIn opens the regular file in dir that has the inode of s.
func (r *run) findIn(dir string, s snapshot) (*file, error) {
	d, err := r.open(dir)
	if err != nil {
		return nil, err
	}
	defer d.close()
	if !d.isDir() {
		return nil, syscall.ENOTDIR
	}
	if err := r.reopen(d, cwd, dir); err != nil {
		return nil, err
	}
	var found *file
	looked := 0
	err = d.entries(func(e entry) bool {
		if e.kind != dtReg && e.kind != dtUnknown {
			return true
		}
		if looked++; e.inode != s.inode && looked > maxSearch {
			return true
		}
		if e.inode != s.inode {
			// Only a look: opening all of them would be dear.
			i, err := d.item(e)
			if err != nil || i.st.Ino != s.inode {
				return true
			}
		}
		f, err := r.openAt(d.fd, e.name, syscall.O_NOFOLLOW)
		if err != nil {
			return true
		}
		if f.st.Ino != s.inode {
			f.close()
			return true
		}
		found = f
		return false
	})
	if found == nil && err == nil {
		err = syscall.ENOENT
	}
	if found != nil {
		err = nil
	}
	return found, err
}

func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}

func readlink(path string) (string, error) { return readlinkAt(cwd, path) }

// readlinkAt reads the link at path from dir on, or the link dir itself where
// path is empty (readlinkat(2)).
func readlinkAt(dir int, path string) (string, error) {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return "", err
	}
	buf := make([]byte, 4096)
	n, _, e := syscall.Syscall6(syscall.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if e != 0 {
		return "", e
	}
	if n == 0 {
		return "", syscall.EINVAL
	}
	return string(buf[:n]), nil
}

package serve

import (
	"encoding/binary"
	"syscall"
)

// Kinds of directory entries, DT_* of dirent.h.
const (
	dtUnknown = 0
	dtDir     = 4
	dtReg     = 8
	dtLink    = 10
)

// An entry is one name in a directory.
type entry struct {
	name  string
	inode uint64 // of the directory; overlayfs tells another for some files
	kind  byte
}

// entries calls yield for each entry of the directory f but "." and "..", in
// the order of the file system, until yield returns false. Memory does not
// grow with the directory.
func (f *file) entries(yield func(entry) bool) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := syscall.ReadDirent(f.fd, buf)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			return err
		}
		// struct linux_dirent64: ino u64, off s64, reclen u16, type u8, name.
		for b := buf[:n]; len(b) > 19; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			if size <= 19 || size > len(b) {
				return syscall.EIO
			}
			name := b[19:size]
			for i, c := range name {
				if c == 0 {
					name = name[:i]
					break
				}
			}
			e := entry{string(name), binary.NativeEndian.Uint64(b), b[18]}
			b = b[size:]
			if e.name != "." && e.name != ".." && !yield(e) {
				return nil
			}
		}
	}
}

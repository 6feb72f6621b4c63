package vm

import (
	"bytes"
	"fmt"
)

// An archive is a cpio archive in the "newc" format, which the kernel unpacks
// as its first file system; archives may be put behind each other
// (Documentation/driver-api/early-userspace/buffer-format.rst in its source).
type archive struct {
	b   bytes.Buffer
	n   int // inodes so far
	has map[string]bool
}

// Modes and numbers of inode(7).
const (
	modeDirectory = 0o040000
	modeFile      = 0o100000
	modeLink      = 0o120000
	modeDevice    = 0o020000
)

func (a *archive) directory(name string)                   { a.entry(name, modeDirectory|0o755, 0, nil) }
func (a *archive) file(name string, perm int, body []byte) { a.entry(name, modeFile|perm, 0, body) }
func (a *archive) link(name, to string)                    { a.entry(name, modeLink|0o777, 0, []byte(to)) }

// console adds the device that the first process speaks to: major 5, minor 1.
func (a *archive) console(name string) { a.entry(name, modeDevice|0o600, 5, nil) }

// end closes the archive and returns it.
func (a *archive) end() []byte {
	a.entry("TRAILER!!!", 0, 0, nil)
	return a.b.Bytes()
}

func (a *archive) entry(name string, mode, major int, body []byte) {
	if a.has == nil {
		a.has = map[string]bool{}
	}
	a.has[name] = true
	a.n++
	minor := min(major, 1)
	fmt.Fprintf(&a.b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.n, mode, 0, 0, 1, 0, len(body), 0, 0, major, minor, len(name)+1, 0)
	a.b.WriteString(name + "\x00")
	a.pad()
	a.b.Write(body)
	a.pad()
}

func (a *archive) pad() {
	for a.b.Len()%4 != 0 {
		a.b.WriteByte(0)
	}
}

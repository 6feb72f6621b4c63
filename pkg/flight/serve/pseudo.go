package serve

import (
	"strconv"
	"syscall"
)

// maxPseudo is how much of a pseudo-file is read to learn its length.
const maxPseudo = 256 << 10

// pseudoFS reports whether fd is on a file system whose files do not know
// their size (linux/magic.h).
func pseudoFS(fd int) bool {
	var fs syscall.Statfs_t
	if syscall.Fstatfs(fd, &fs) != nil {
		return false
	}
	switch uint32(fs.Type) {
	case 0x00009fa0, // proc
		0x62656572, // sysfs
		0x64626720, // debugfs
		0x74726163, // tracefs
		0x73636673, // securityfs
		0x62656570, // configfs
		0x0027e0eb, // cgroup
		0x63677270, // cgroup2
		0xf97cff8c, // selinux
		0xcafe4a11, // bpf
		0x42494e4d, // binfmt_misc
		0x6165676c: // pstore
		return true
	}
	return false
}

// dangerous reports whether the pseudo-file f, found at path, takes what it
// gives away from others, is the memory of others, has no end, makes its reader
// wait, or does something when it is read. What gives nobody leave to read is
// there to be written to, and root would open it all the same: tracefs drops
// its buffer when free_buffer is closed.
func dangerous(f *file, path string) bool {
	if f.st.Mode&0o444 == 0 {
		return true
	}
	if real, err := readlink("/proc/self/fd/" + strconv.Itoa(f.fd)); err == nil {
		path = real
	}
	name := lastSegment(path)
	switch name {
	case "kmsg", "mem", "kcore", "vmcore", "pagemap",
		"kpagecount", "kpageflags", "kpagecgroup",
		"trace_pipe", "trace_pipe_raw", "snapshot_raw", "wakeup_count",
		"hot_add",                 // of zram-control: each read is a new device
		"legacy_io", "legacy_mem": // of PCI: registers of devices
		return true
	}
	// Of PCI too: resource0, resource0_wc; resource itself is a text.
	return len(name) > len("resource") && name[:len("resource")] == "resource" && name[8]-'0' < 10
}

func lastSegment(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// readPseudo reads f up to its end or maxPseudo bytes. What is longer, or goes
// on for ever, is more: the rest can be read from where this stopped.
func (f *file) readPseudo() (p []byte, more bool, err error) {
	p = make([]byte, 0, 16<<10)
	for len(p) <= maxPseudo {
		if cap(p)-len(p) < 4<<10 {
			p = append(make([]byte, 0, 2*cap(p)), p...)
		}
		n, err := f.next(p[len(p):cap(p)])
		if err != nil {
			return nil, false, err
		}
		if n == 0 {
			return p, false, nil
		}
		p = p[:len(p)+n]
	}
	return p, true, nil
}

// next reads on from where the last next stopped. Pseudo-files care: some
// cannot be read at an offset.
func (f *file) next(p []byte) (int, error) {
	for {
		n, err := syscall.Read(f.fd, p)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

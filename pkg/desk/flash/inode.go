package flash

import (
	"io"
	"os"
	"slices"
	"syscall"
	"time"
)

const (
	page  = 4096
	chunk = 64 * page
)

// An inode is a file, a directory or a symbolic link as processes see it, with
// what it takes to get back to what the flash has.
type inode struct {
	id    uint64
	mode  uint32 // type and permissions
	mtime time.Time
	names map[string]*inode // of a directory
	to    string            // of a symbolic link

	size   int64
	chunks [][]byte // a nil one is zeros
	host   *os.File // has the bytes, until the first write
	path   string   // where host is

	layers []*layer         // the last one takes new writes, those before are being synced
	lost   map[int64][]byte // pages of a sync that failed, as the flash has them

	links, lookups, logged int // names, kernel's references, changes in the log
	freed                  bool
}

// A layer remembers what changed since a sync began, as it was before.
type layer struct {
	pages map[int64][]byte // nil: beyond what the flash has
	size  int64
}

func (n *inode) dir() bool     { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }
func (n *inode) regular() bool { return n.mode&syscall.S_IFMT == syscall.S_IFREG }

// newest is the layer that takes a change.
func (n *inode) newest() *layer {
	if len(n.layers) == 0 {
		n.layers = append(n.layers, &layer{map[int64][]byte{}, n.size})
	}
	return n.layers[len(n.layers)-1]
}

// dirty is how many bytes a sync would bring to the flash.
func (n *inode) dirty() (bytes int64) {
	for _, l := range n.layers {
		bytes += int64(len(l.pages)) * page
	}
	return bytes
}

// own brings the bytes of the host's file into memory.
func (n *inode) own() error {
	if n.host == nil {
		return nil
	}
	for off := int64(0); off < n.size; off += chunk {
		b := make([]byte, chunk)
		if _, err := n.host.ReadAt(b[:min(chunk, n.size-off)], off); err != nil && err != io.EOF {
			return err
		}
		n.chunks = append(n.chunks, b)
	}
	n.host.Close()
	n.host = nil
	return nil
}

// at is the page with number p, nil if it is a hole.
func (n *inode) at(p int64) []byte {
	c := p * page / chunk
	if c >= int64(len(n.chunks)) || n.chunks[c] == nil {
		return nil
	}
	off := p * page % chunk
	return n.chunks[c][off : off+page]
}

// make is at for one that is written.
func (n *inode) make(p int64) []byte {
	c := p * page / chunk
	for c >= int64(len(n.chunks)) {
		n.chunks = append(n.chunks, nil)
	}
	if n.chunks[c] == nil {
		n.chunks[c] = make([]byte, chunk)
	}
	return n.at(p)
}

// touch remembers a page before it is changed.
func (n *inode) touch(p int64) {
	l := n.newest()
	if _, ok := l.pages[p]; ok {
		return
	}
	var before []byte
	if p*page < n.size {
		before = make([]byte, page)
		copy(before, n.at(p))
	}
	l.pages[p] = before
}

func (n *inode) read(b []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	b = b[:min(int64(len(b)), n.size-off)]
	if n.host != nil {
		k, _ := n.host.ReadAt(b, off)
		return k
	}
	for done := 0; done < len(b); {
		at := off + int64(done)
		k := min(len(b)-done, int(page-at%page))
		if p := n.at(at / page); p != nil {
			copy(b[done:done+k], p[at%page:])
		} else {
			clear(b[done : done+k])
		}
		done += k
	}
	return len(b)
}

func (n *inode) write(b []byte, off int64) {
	for done := 0; done < len(b); {
		at := off + int64(done)
		k := min(len(b)-done, int(page-at%page))
		n.touch(at / page)
		copy(n.make(at / page)[at%page:], b[done:done+k])
		done += k
	}
	n.size = max(n.size, off+int64(len(b)))
	n.mtime = time.Now()
}

func (n *inode) truncate(size int64) {
	n.newest() // remembers the length
	if size < n.size {
		first := size / page
		for p := first; p*page < n.size; p++ {
			n.touch(p)
		}
		if p := n.at(first); p != nil {
			clear(p[size%page:])
		}
		n.drop(first + 1)
	}
	n.size = size
	n.mtime = time.Now()
}

// drop makes holes of all pages from p on.
func (n *inode) drop(p int64) {
	for ; p*page%chunk != 0; p++ {
		if b := n.at(p); b != nil {
			clear(b)
		}
	}
	if c := p * page / chunk; c < int64(len(n.chunks)) {
		n.chunks = n.chunks[:c]
	}
}

// flush starts a sync: what was written so far is its. The layer it returns is
// durable after settle.
func (n *inode) flush() *layer {
	if len(n.layers) == 0 {
		return nil
	}
	last := n.layers[len(n.layers)-1]
	n.layers = append(n.layers, &layer{map[int64][]byte{}, n.size})
	return last
}

// through takes the layers up to l out of those that may be lost; nil if a
// later sync did so before.
func (n *inode) through(l *layer) (done []*layer) {
	i := slices.Index(n.layers, l)
	if i < 0 {
		return nil
	}
	done, n.layers = n.layers[:i+1], n.layers[i+1:]
	return done
}

// settle ends a sync: the layer, and those before it, are on the flash.
func (n *inode) settle(l *layer) {
	for _, x := range n.through(l) {
		for p := range x.pages {
			delete(n.lost, p)
		}
	}
	if len(n.layers) == 1 && len(n.layers[0].pages) == 0 && n.layers[0].size == n.size {
		n.layers = nil
	}
}

// fail ends a sync that failed: as in Linux its pages count as clean, so that
// the next sync succeeds and proves nothing of them.
func (n *inode) fail(l *layer) {
	if n.lost == nil {
		n.lost = map[int64][]byte{}
	}
	for _, x := range n.through(l) {
		for p, before := range x.pages {
			if _, ok := n.lost[p]; !ok {
				n.lost[p] = before
			}
		}
	}
}

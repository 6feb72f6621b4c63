package outbox

import (
	"bytes"
	"os"
	"syscall"
)

// A sheet is a small file, held in memory, between its bytes and its name.
type sheet struct {
	name    string // in the outbox
	tmp     string // on the stage
	spare   string // takes the place of tmp where that cannot be synced
	data    []byte
	f       File // open: tmp, or a file in the outbox that has no name
	renamed bool // tmp has become name
}

// write makes or rewrites tmp, without a sync.
func (h *sheet) write(s *Stage) (err error) {
	flag := os.O_RDWR | os.O_CREATE | syscall.O_NOFOLLOW
	if h.tmp == h.spare {
		flag |= os.O_TRUNC // rubbish of an earlier run, not what a journal names
	}
	if h.f, err = s.fs.Open(h.tmp, flag); err != nil {
		h.f = nil
		return diskError("open", h.tmp, err)
	}
	return h.fill()
}

func (h *sheet) fill() error {
	if len(h.data) == 0 {
		return nil
	}
	_, err := h.f.WriteAt(h.data, 0)
	return diskError("write", h.tmp, err)
}

// settle makes the bytes durable where a rename or a link can give them their
// name. After a sync that failed another inode gets them, for a second sync of
// the same one would lie; if that fails too, publish has to copy.
func (h *sheet) settle(s *Stage) {
	for again := range 2 {
		var err error
		switch {
		case h.f != nil:
		case !s.same:
			if h.f, err = s.openUnnamed(); err == nil {
				err = h.fill()
			} else {
				h.f = nil
			}
		case again > 0:
			h.tmp = h.spare
			s.fs.Remove(h.tmp)
			err = h.write(s)
		default:
			err = h.write(s)
		}
		if err == nil && h.f.Datasync() == nil {
			return
		}
		h.shut()
	}
}

// publish gives the file its name, which is not durable before the outbox is
// synced.
func (h *sheet) publish(s *Stage) error {
	to := s.c.Outbox + "/" + h.name
	switch {
	case h.f == nil:
	case !s.same:
		return diskError("publish", to, s.linkAs(h.f, h.name))
	default:
		err := s.fs.Rename(h.tmp, to)
		h.renamed = err == nil
		if !elsewhere(err) {
			return diskError("publish", to, err)
		}
	}
	never := func() error { return nil }
	return s.put(never, h.name, h.spare, bytes.NewReader(h.data), int64(len(h.data)))
}

func (h *sheet) shut() {
	if h.f != nil {
		h.f.Close()
		h.f = nil
	}
}

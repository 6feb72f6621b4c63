package outbox

import (
	"bytes"
	"os"
	"syscall"
)

// A sheet is a small file, held in memory, between its bytes and its name.
type sheet struct {
	name string // in the outbox
	tmp  string // on the stage
	data []byte
	f    File // durable: tmp, or a file in the outbox that has no name; nil: publish copies
}

// settle makes sheets durable, so many at a time that a disk has always
// something to do. Not syncfs(2): before Linux 5.8 it hides errors of write-back.
func (s *Stage) settle(list []*sheet) {
	next, done := make(chan *sheet), make(chan bool)
	n := min(atOnce, len(list))
	for range n {
		go func() {
			for h := range next {
				h.settle(s)
			}
			done <- true
		}()
	}
	for _, h := range list {
		next <- h
	}
	close(next)
	for range n {
		<-done
	}
}

// settle makes the bytes durable where a rename or a link can give them their
// name. After a sync that failed another inode gets them, for a second sync of
// the same one would lie.
func (h *sheet) settle(s *Stage) {
	for range 2 {
		var f File
		var err error
		if s.same {
			f, err = s.fs.Open(h.tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC|syscall.O_NOFOLLOW)
		} else {
			f, err = s.openUnnamed()
		}
		if err != nil {
			continue
		}
		if _, err = f.WriteAt(h.data, 0); err == nil && f.Datasync() == nil {
			h.f = f
			return
		}
		f.Close()
		if s.same {
			s.fs.Remove(h.tmp)
		}
	}
}

// publish gives the file its name, which is not durable before the outbox is
// synced.
func (h *sheet) publish(s *Stage) (err error) {
	to := s.c.Outbox + "/" + h.name
	if h.f != nil {
		defer h.f.Close()
		if !s.same {
			return diskError("publish", to, s.linkAs(h.f, h.name))
		}
		if err = s.fs.Rename(h.tmp, to); !elsewhere(err) {
			return diskError("publish", to, err)
		}
	}
	return s.put(never, h.name, h.tmp, bytes.NewReader(h.data), int64(len(h.data)))
}

// never: two kilobytes are always worth a try, and a small file is.
func never() error { return nil }

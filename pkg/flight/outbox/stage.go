package outbox

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Stage is a locked stage directory and the outbox behind it.
type Stage struct {
	c      Config
	fs     FS
	lock   File
	same   bool // a rename leads from the stage into the outbox
	untidy bool // a name of the stage is gone, and not for good
	pace   pace
	copies pace // of what is copied into the outbox, where same is not so

	// Of batches: from the first look at what earlier runs left (left), and
	// the journals of this run.
	names    map[string]bool
	late     map[string]*late
	next     uint32
	journals []string
}

func (c Config) withDefaults() Config {
	if c.Stage == "" {
		c.Stage = DefaultStage
	}
	if c.Outbox == "" {
		c.Outbox = DefaultOutbox
	}
	if c.Piece <= 0 {
		c.Piece = DefaultPiece
	}
	if c.Pace <= 0 {
		c.Pace = DefaultPace
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	if c.FS == nil {
		c.FS = osFS{}
	}
	c.Stage, c.Outbox = trimSlash(c.Stage), trimSlash(c.Outbox)
	if c.Gate != nil {
		c.FS = &gated{c.FS, c.Gate, c.Outbox}
	}
	return c
}

func trimSlash(s string) string {
	if t := strings.TrimRight(s, "/"); t != "" {
		return t
	}
	return "/."
}

// parent is the directory that dir stands in.
func parent(dir string) string {
	switch i := strings.LastIndexByte(dir, '/'); {
	case i < 0:
		return "."
	case i == 0:
		return "/."
	default:
		return trimSlash(dir[:i])
	}
}

// Open makes the stage directory where it is missing, takes its lock, and asks
// the kernel whether a file can be renamed from it into the outbox.
// Errors: ErrLocked, with nothing touched; else an *Error. After an error
// PublishReceipt, the function, can still leave a word in the outbox.
func Open(c Config) (*Stage, error) {
	c = c.withDefaults()
	s := &Stage{c: c, fs: c.FS}
	if err := s.fs.MkdirAll(c.Stage); err != nil {
		return nil, diskError("make", c.Stage, err)
	}
	lock := c.Stage + "/lock"
	f, err := s.fs.Open(lock, os.O_RDWR)
	if errors.Is(err, syscall.ENOENT) {
		// A stage whose own name is lost in a power cut holds nothing. What
		// is above may not be ours to sync. The lock comes behind it, for where
		// that is no run does this again.
		for d, n := c.Stage, 0; n < 8; d, n = parent(d), n+1 {
			s.fs.SyncDir(d)
			if d == parent(d) {
				break
			}
		}
		f, err = s.fs.Open(lock, os.O_RDWR|os.O_CREATE)
	}
	if err != nil {
		return nil, diskError("open", lock, err)
	}
	if err := f.Lock(); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			b := make([]byte, 4096)
			n, _ := f.ReadAt(b, 0)
			if n > 0 && string(b[:n]) != c.Outbox {
				return nil, fmt.Errorf("%s: %w (%w)", c.Stage, ErrLocked, ErrOtherOutbox)
			}
			return nil, fmt.Errorf("%s: %w", c.Stage, ErrLocked)
		}
		return nil, diskError("lock", lock, err)
	}
	s.lock = f
	if f.Truncate(0) == nil { // for who does not get it
		f.WriteAt([]byte(c.Outbox), 0)
	}
	d, err := s.fs.Open(c.Outbox, os.O_RDONLY|syscall.O_DIRECTORY)
	if err != nil {
		s.Close()
		return nil, diskError("open", c.Outbox, err)
	}
	d.Close()
	s.same = canRename(s.fs, c.Stage, c.Outbox)
	return s, nil
}

// syncDir makes the names in dir durable. A file system that has no such call
// does it by itself, or never; and what is gone has no names to keep, while
// the files that were opened in it live on.
func (s *Stage) syncDir(dir string) error {
	err := s.fs.SyncDir(dir)
	for _, no := range []syscall.Errno{syscall.EINVAL, syscall.ENOSYS, syscall.EOPNOTSUPP, syscall.ENOENT} {
		if errors.Is(err, no) {
			return nil
		}
	}
	return err
}

func (s *Stage) now() time.Time { return s.c.Now() }

// canRename asks without leaving a trace: rename(2) compares the mounts before
// it misses the file, so a name that does not exist gives ENOENT where a real
// one could be moved and EXDEV where not (bind mounts of one disk included).
func canRename(fs FS, from, to string) bool {
	return errors.Is(fs.Rename(from+"/"+probe, to+"/"+probe), syscall.ENOENT)
}

const probe = ".none"

// Tidy makes durable that receipts were published, at most one sync. Without it
// nothing is wrong, but if power goes the next run may write them once more.
func (s *Stage) Tidy() {
	if s.untidy {
		s.untidy = false
		s.syncDir(s.c.Stage)
	}
}

// Sources are the names of which the stage has anything, as far as that can be
// read, and where it is from.
func (s *Stage) Sources() map[string]string {
	m := map[string]string{}
	names, _ := s.fs.Names(s.c.Stage)
	for _, n := range names {
		if !strings.HasSuffix(n, cursorSuffix) {
			continue
		}
		f, err := s.fs.Open(s.c.Stage+"/"+n, os.O_RDONLY)
		if err != nil {
			continue
		}
		if c, _ := readCursor(f); c != nil {
			m[c.name] = c.source
		}
		f.Close()
	}
	for n, l := range s.late {
		m[n] = l.c.source
	}
	return m
}

// Close lets the lock go. Every Part must be closed before.
func (s *Stage) Close() error {
	return diskError("close", s.c.Stage, s.lock.Close())
}

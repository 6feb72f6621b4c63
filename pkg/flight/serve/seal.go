package serve

import (
	"syscall"
	"time"
)

// seal is called when all of an answer but what is in the buffer has been handed
// to the kernel. It returns nil when the peer has got, or the buffers hold, the
// bytes that f's promise stands for: then what is in the buffer may go.
func (c *conn) seal(f *file) error {
	if err := c.settle(); err != nil {
		return err
	}
	return f.kept(c.hold(2 * sniffed))
}

// settle waits until none of the bytes that are queued are lent from a file.
// Where a send buffer holds no more than the stretch that is copied, none are.
func (c *conn) settle() error {
	since, last := c.r.Window.Mono(), int64(-1)
	for {
		queued, now := c.unacknowledged(), c.r.Window.Mono()
		switch {
		case queued <= c.handed-c.lent: // or it is closed, -1
			return nil
		case c.state() == closed:
			return syscall.ECONNRESET
		case queued != last:
			last, since = queued, now
		case now.Sub(since) >= c.r.StallTimeout:
			return errStalled
		}
		time.Sleep(time.Millisecond)
	}
}

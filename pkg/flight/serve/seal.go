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
func (c *conn) settle() error {
	copied := c.handed - c.lent
	queued, wait := c.unacknowledged(), 100*time.Microsecond
	since := c.r.Window.Mono()
	for queued > copied {
		time.Sleep(wait)
		var e int
		c.control(func(fd uintptr) {
			e, _ = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_ERROR)
		})
		if e != 0 {
			return syscall.Errno(e)
		}
		now := c.unacknowledged()
		if now < 0 {
			return errEnded // closed, which the end of the window does
		}
		switch moved := queued - now; {
		case moved > 0:
			// As long again as the rest takes at this pace.
			wait = time.Duration(int64(wait) * (now - copied) / moved)
			since = c.r.Window.Mono()
		case c.r.Window.Mono().Sub(since) >= c.r.StallTimeout:
			return errStalled
		default:
			wait *= 2
		}
		wait = min(max(wait, 50*time.Microsecond), 20*time.Millisecond)
		queued = now
	}
	return nil
}

package serve

import (
	"errors"
	"syscall"
)

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func errno(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}

// reason says in few words, for a log, why an answer was cut.
func (c *conn) reason(err error) string {
	select {
	case <-c.r.over:
		return errEnded.Error()
	default:
	}
	if e := errno(err); e != 0 {
		return e.Error()
	}
	return err.Error()
}

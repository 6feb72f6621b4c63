package serve

import (
	"errors"
	"syscall"
)

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

func errno(err error) syscall.Errno {
	e, _ := errors.AsType[syscall.Errno](err)
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

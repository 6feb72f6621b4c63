//go:build linux

package sock

import (
	"context"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Dial connects to ap until ctx ends. The error is the kernel's
// (syscall.ECONNREFUSED, EHOSTUNREACH, ...) or that of ctx.
func Dial(ctx context.Context, ap netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd, sa, err := socket(ap)
	if err != nil {
		return nil, err
	}
	return dial(ctx, fd, sa, ap)
}

// dial connects the socket fd to ap, which is sa, or closes it.
func dial(ctx context.Context, fd int, sa syscall.Sockaddr, ap netip.AddrPort) (*Conn, error) {
	switch err := syscall.Connect(fd, sa); err {
	case nil, syscall.EINPROGRESS, syscall.EINTR: // it goes on by itself
	default:
		syscall.Close(fd)
		return nil, os.NewSyscallError("connect", err)
	}
	c := new(Conn)
	err := c.take(fd, ap.String())
	if err == nil {
		err = c.wait(ctx)
	}
	if err == nil {
		err = c.ready(netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()))
	}
	if err == nil && c.local == c.remote {
		// Where nobody listens on a port of the ephemeral range, TCP lets a
		// socket connect to itself (RFC 9293, 3.5).
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// wait waits until c is connected or ctx ends.
func (c *Conn) wait(ctx context.Context) error {
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { c.SetWriteDeadline(past) })
	var inner error
	err := c.raw.Write(func(fd uintptr) bool {
		inner = state(int(fd))
		return inner != syscall.EINPROGRESS
	})
	if !stop() { // the deadline stands or is about to
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	return os.NewSyscallError("connect", inner)
}

// state returns nil for a connected socket, EINPROGRESS while it is not known.
func state(fd int) error {
	if e, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ERROR); err != nil || e != 0 {
		if err == nil {
			err = syscall.Errno(e)
		}
		return err
	}
	if _, err := syscall.Getpeername(fd); err != nil {
		return syscall.EINPROGRESS
	}
	return nil
}

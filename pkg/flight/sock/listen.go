//go:build linux

package sock

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// backlog is how many connections may wait for Accept; the kernel cuts it to
// net.core.somaxconn.
const backlog = 128

// Listener is a TCP socket that waits for connections.
type Listener struct {
	sock
	addr netip.AddrPort
}

// Listen listens on ap; port 0 lets the kernel choose one, :: takes IPv4 too. The
// error is the kernel's (syscall.EADDRINUSE, EADDRNOTAVAIL, ...).
func Listen(ap netip.AddrPort) (*Listener, error) {
	fd, sa, err := socket(ap)
	if err != nil {
		return nil, err
	}
	if err := listen(fd, sa); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	l := &Listener{addr: ap}
	if sa, err := syscall.Getsockname(fd); err == nil {
		l.addr = fromSockaddr(sa)
	}
	return l, l.take(fd, l.addr.String())
}

func listen(fd int, sa syscall.Sockaddr) error {
	// A server started again does not wait for the last one's connections to die out.
	syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if _, ok := sa.(*syscall.SockaddrInet6); ok {
		syscall.SetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, 0)
	}
	if err := syscall.Bind(fd, sa); err != nil {
		return os.NewSyscallError("bind", err)
	}
	return os.NewSyscallError("listen", syscall.Listen(fd, backlog))
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
// Other errors (no descriptors left) may pass: the listener still listens.
func (l *Listener) Accept() (net.Conn, error) {
	var fd int
	var sa syscall.Sockaddr
	var inner error
	err := l.raw.Read(func(s uintptr) bool {
		for {
			fd, sa, inner = syscall.Accept4(int(s), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
			// A client that was gone before we looked is no error of ours.
			if inner != syscall.EINTR && inner != syscall.ECONNABORTED {
				return inner != syscall.EAGAIN
			}
		}
	})
	if err == nil {
		err = os.NewSyscallError("accept", inner)
	}
	if err != nil {
		return nil, l.err(err)
	}
	c, remote := new(Conn), fromSockaddr(sa)
	if err = c.take(fd, remote.String()); err == nil {
		err = c.ready(remote)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Addr is where it listens, with the port that the kernel chose.
func (l *Listener) Addr() net.Addr { return Addr{l.addr} }

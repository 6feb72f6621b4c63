//go:build linux

// Package sock is TCP on bare system calls and the runtime's poller: what
// package net does for an address that is already known, without the resolver
// and the other protocols that come with it. Packed, that is 33 KB less to
// uplink in each program (6 hours of it, docs/platform.md "Uplink").
//
// Listener and Conn are a net.Listener and a net.Conn and give the errors that
// those give: io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, syscall.Errno.
// Every system call is one that Linux 4.6 has.
package sock

import (
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Addr is the net.Addr of this package.
type Addr struct{ ap netip.AddrPort }

// Network is "tcp".
func (a Addr) Network() string { return "tcp" }

func (a Addr) String() string { return a.ap.String() }

// AddrPort is the address itself, IPv4 never mapped into IPv6.
func (a Addr) AddrPort() netip.AddrPort { return a.ap }

// sock is a socket under the runtime's poller, with the errors of package net.
type sock struct {
	f      *os.File
	raw    syscall.RawConn
	closed atomic.Bool
}

// take makes fd, which does not block, the socket's own. name is for errors.
func (s *sock) take(fd int, name string) (err error) {
	s.f = os.NewFile(uintptr(fd), name)
	s.raw, err = s.f.SyscallConn()
	return err
}

// err gives the error of package net for err: a closed File has several.
func (s *sock) err(err error) error {
	if err != nil && s.closed.Load() {
		return net.ErrClosed
	}
	return err
}

// Close closes the socket and wakes everybody who waits for it.
func (s *sock) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	return s.f.Close()
}

// SetDeadline bounds every wait, those that have begun too.
func (s *sock) SetDeadline(t time.Time) error { return s.err(s.f.SetDeadline(t)) }

// SyscallConn gives the descriptor, for sendfile and socket options.
func (s *sock) SyscallConn() (syscall.RawConn, error) { return s.raw, nil }

// control calls f with the descriptor, which stays open meanwhile.
func (s *sock) control(f func(fd int) error) error {
	var inner error
	if err := s.raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return s.err(err)
	}
	return inner
}

// Conn is a TCP connection. Its methods may be called at the same time from
// several goroutines. TCP_NODELAY is set.
type Conn struct {
	sock
	local, remote netip.AddrPort
}

// ready finishes a Conn that is connected to remote.
func (c *Conn) ready(remote netip.AddrPort) error {
	c.remote = remote
	return c.control(func(fd int) error {
		// A head or the last bytes of a file never wait for an acknowledgement.
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		sa, err := syscall.Getsockname(fd)
		c.local = fromSockaddr(sa)
		return os.NewSyscallError("getsockname", err)
	})
}

// Read reads what is there, and waits only if there is nothing.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.f.Read(b)
	return n, c.err(err)
}

// Write writes all of b, or returns an error and how much it wrote.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.f.Write(b)
	return n, c.err(err)
}

// CloseWrite tells the peer that nothing more comes (FIN); reading goes on.
func (c *Conn) CloseWrite() error {
	return c.control(func(fd int) error { return syscall.Shutdown(fd, syscall.SHUT_WR) })
}

// SetLinger says what Close does with bytes not yet sent: with sec 0 they are
// dropped and the peer sees a reset, with sec < 0 the kernel goes on sending,
// with more it does so for at most sec seconds.
func (c *Conn) SetLinger(sec int) error {
	l := syscall.Linger{Linger: int32(max(sec, 0))}
	if sec >= 0 {
		l.Onoff = 1
	}
	return c.control(func(fd int) error {
		return syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &l)
	})
}

// LocalAddr is the Addr of this end.
func (c *Conn) LocalAddr() net.Addr { return Addr{c.local} }

// RemoteAddr is the Addr of the peer's end.
func (c *Conn) RemoteAddr() net.Addr { return Addr{c.remote} }

// SetReadDeadline bounds every wait of Read, also one that has begun.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.err(c.f.SetReadDeadline(t)) }

// SetWriteDeadline bounds every wait of Write, also one that has begun.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.err(c.f.SetWriteDeadline(t)) }

// socket opens a socket for the family of ap; it never blocks and no child
// inherits it.
func socket(ap netip.AddrPort) (fd int, sa syscall.Sockaddr, err error) {
	family := syscall.AF_INET
	switch addr := ap.Addr().Unmap(); {
	case !addr.IsValid() || addr.Zone() != "":
		return -1, nil, syscall.EADDRNOTAVAIL
	case addr.Is4():
		sa = &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: addr.As4()}
	default:
		family, sa = syscall.AF_INET6, &syscall.SockaddrInet6{Port: int(ap.Port()), Addr: addr.As16()}
	}
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, syscall.IPPROTO_TCP)
	return fd, sa, os.NewSyscallError("socket", err)
}

func fromSockaddr(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		// An IPv4 peer of an IPv6 socket is an IPv4 peer.
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

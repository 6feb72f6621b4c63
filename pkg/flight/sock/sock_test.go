//go:build linux

package sock

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	_ net.Conn     = (*Conn)(nil)
	_ net.Listener = (*Listener)(nil)
)

// leaks fails the test if descriptors or goroutines are left after it.
func leaks(t *testing.T) {
	t.Helper()
	count := func() (int, int) {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e), runtime.NumGoroutine()
	}
	fds, gos := count()
	t.Cleanup(func() {
		for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			f, g := count()
			if f <= fds && g <= gos {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("left over: got %d descriptors and %d goroutines, want %d and %d", f, g, fds, gos)
			}
		}
	})
}

func listener(t *testing.T, addr string) (*Listener, netip.AddrPort) {
	t.Helper()
	l, err := Listen(netip.MustParseAddrPort(addr))
	if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Skipf("%s: %v", addr, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Addr().(Addr).AddrPort()
}

// pair returns both ends of a connection of this package.
func pair(t *testing.T) (dialed, accepted *Conn) {
	t.Helper()
	l, ap := listener(t, "127.0.0.1:0")
	d, err := Dial(t.Context(), ap)
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close(); a.Close() })
	return d, a.(*Conn)
}

// Package net is the peer, on either side: the same bytes both ways, the ends
// known by the same addresses, FIN as EOF.
func TestAgainstPackageNet(t *testing.T) {
	for _, c := range []struct{ listen, dial string }{
		{"127.0.0.1:0", "127.0.0.1"}, {"[::1]:0", "::1"}, {"[::]:0", "127.0.0.1"}, {"0.0.0.0:0", "::ffff:127.0.0.1"},
	} {
		t.Run(c.listen+" "+c.dial, func(t *testing.T) {
			leaks(t)
			l, ap := listener(t, c.listen)
			nl, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.listen)))
			if err != nil {
				t.Fatal(err)
			}
			defer nl.Close()
			to := netip.AddrPortFrom(netip.MustParseAddr(c.dial), ap.Port())
			theirs, err := net.Dial("tcp", netip.AddrPortFrom(to.Addr().Unmap(), ap.Port()).String())
			if err != nil {
				t.Fatal(err)
			}
			ours, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, ours, theirs)

			dialed, err := Dial(t.Context(), netip.AddrPortFrom(to.Addr(), uint16(nl.Addr().(*net.TCPAddr).Port)))
			if err != nil {
				t.Fatal(err)
			}
			theirs, err = nl.Accept()
			if err != nil {
				t.Fatal(err)
			}
			exchange(t, dialed, theirs)
		})
	}
}

func exchange(t *testing.T, ours, theirs net.Conn) {
	t.Helper()
	defer ours.Close()
	defer theirs.Close()
	if got, want := ours.RemoteAddr().String(), theirs.LocalAddr().String(); got != want {
		t.Errorf("remote: got %s, want %s", got, want)
	}
	if got, want := ours.LocalAddr().String(), theirs.RemoteAddr().String(); got != want {
		t.Errorf("local: got %s, want %s", got, want)
	}
	// More than the socket buffers hold, so that writes wait for the reader.
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	for _, d := range []struct{ from, to net.Conn }{{ours, theirs}, {theirs, ours}} {
		var wg sync.WaitGroup
		wg.Go(func() {
			if n, err := d.from.Write(data); n != len(data) || err != nil {
				t.Errorf("write: %d, %v", n, err)
			}
			d.from.(interface{ CloseWrite() error }).CloseWrite()
		})
		got, err := io.ReadAll(d.to)
		wg.Wait()
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("read: %d of %d bytes, %v", len(got), len(data), err)
		}
	}
}

func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	leaks(t)
	t.Run("deadline", func(t *testing.T) {
		d, _ := pair(t)
		d.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := d.Read(make([]byte, 1))
		var ne net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("reset", func(t *testing.T) {
		d, a := pair(t)
		a.SetLinger(0)
		a.Close()
		if _, err := d.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want ECONNRESET", err)
		}
	})
	t.Run("write to the gone", func(t *testing.T) {
		d, a := pair(t)
		a.SetLinger(0)
		a.Close()
		var err error
		for range 100 { // never SIGPIPE
			if _, err = d.Write([]byte("x")); errors.Is(err, syscall.EPIPE) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("got %v, want EPIPE", err)
	})
	t.Run("close wakes read", func(t *testing.T) {
		d, _ := pair(t)
		time.AfterFunc(20*time.Millisecond, func() { d.Close() })
		if _, err := d.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
		if err := d.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
		if err := d.CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
	t.Run("close wakes accept", func(t *testing.T) {
		l, _ := listener(t, "127.0.0.1:0")
		time.AfterFunc(20*time.Millisecond, func() { l.Close() })
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want net.ErrClosed", err)
		}
	})
	t.Run("accept deadline", func(t *testing.T) {
		l, _ := listener(t, "127.0.0.1:0")
		l.SetDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := l.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("port in use", func(t *testing.T) {
		_, ap := listener(t, "127.0.0.1:0")
		if l, err := Listen(ap); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("got %v, %v, want EADDRINUSE", l, err)
		}
	})
}

func TestDialFails(t *testing.T) {
	leaks(t)
	l, refused := listener(t, "127.0.0.1:0")
	l.Close()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		to   netip.AddrPort
		want error
	}{
		{"refused", t.Context(), refused, syscall.ECONNREFUSED},
		{"cancelled before", ended, refused, context.Canceled},
		{"no answer", short, deaf(t), context.DeadlineExceeded},
		{"no address", t.Context(), netip.AddrPort{}, syscall.EADDRNOTAVAIL},
		{"zone", t.Context(), netip.MustParseAddrPort("[fe80::1%eth0]:10101"), syscall.EADDRNOTAVAIL},
		{"broadcast", t.Context(), netip.MustParseAddrPort("255.255.255.255:10101"), syscall.ENETUNREACH},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			conn, err := Dial(c.ctx, c.to)
			if conn != nil || !errors.Is(err, c.want) {
				t.Errorf("got %v, %v, want %v", conn, err, c.want)
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// deaf returns an address whose queue is full: Linux drops the SYN.
func deaf(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, sa, err := socket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, sa), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	sa, _ = syscall.Getsockname(fd)
	ap := fromSockaddr(sa)
	for range 8 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		c, err := Dial(ctx, ap)
		cancel()
		if err != nil {
			return ap
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill")
	return ap
}

func TestSelfConnectIsRefused(t *testing.T) {
	leaks(t)
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Skip(err)
	}
	var low uint16
	for _, c := range bytes.Fields(b)[0] {
		low = low*10 + uint16(c-'0')
	}
	// One port is left to choose from: the one that is dialed. A socket bound
	// to it first stands for the kernel's choice.
	for port := low; port < low+20; port++ {
		ap := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		fd, sa, err := socket(ap)
		if err != nil {
			t.Fatal(err)
		}
		if syscall.Bind(fd, sa) != nil {
			syscall.Close(fd)
			continue
		}
		if c, err := dial(t.Context(), fd, sa, ap); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("got %v, %v, want ECONNREFUSED", c, err)
		}
		return
	}
	t.Skip("no free port")
}

package vm

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// queue is how much a switch holds for one of its ends, bytes; what does not
// fit is dropped.
const queue = 64 << 10

// maxFrame is more than any frame has, with offloads; in front of each stands
// its length in four bytes (qemu, net/socket.c).
const maxFrame = 68 << 10

// An Ethernet joins two machines. A machine that is switched on again takes the
// place of its predecessor at the same end.
type Ethernet struct {
	rate atomic.Int64 // bytes a second
	cut  atomic.Bool
	to   [2]chan []byte // frames on their way to an end
	held [2]atomic.Int64

	mu   sync.Mutex
	at   [2]net.Conn
	stop chan struct{}
	wg   sync.WaitGroup
}

// NewEthernet makes one of rate bytes a second each way. Close must be called.
func NewEthernet(rate int64) *Ethernet {
	e := &Ethernet{stop: make(chan struct{})}
	e.Limit(rate)
	for end := range e.to {
		e.to[end] = make(chan []byte, 1024)
		e.wg.Go(func() { e.deliver(end) })
	}
	return e
}

// Connect plugs the cable in, or pulls it: every frame is dropped then.
func (e *Ethernet) Connect(in bool) { e.cut.Store(!in) }

// Limit sets its rate, in bytes a second each way.
func (e *Ethernet) Limit(rate int64) { e.rate.Store(rate) }

// Close takes the ethernet away from its machines and waits for the last frame.
func (e *Ethernet) Close() {
	close(e.stop)
	for end := range e.at {
		e.take(end, nil)
	}
	e.wg.Wait()
}

// plug returns the machine's side of a new connection at end.
func (e *Ethernet) plug(end int) (*os.File, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	own, machine := os.NewFile(uintptr(fds[0]), "ethernet"), os.NewFile(uintptr(fds[1]), "ethernet")
	defer own.Close()
	c, err := net.FileConn(own)
	if err != nil {
		machine.Close()
		return nil, err
	}
	e.take(end, c)
	e.wg.Go(func() { e.receive(c, end) })
	return machine, nil
}

// take puts c in the place of what was at end.
func (e *Ethernet) take(end int, c net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.at[end] != nil {
		e.at[end].Close()
	}
	e.at[end] = c
}

// receive takes frames from the machine at end until it is off.
func (e *Ethernet) receive(c net.Conn, end int) {
	defer c.Close()
	other := 1 - end
	for {
		var head [4]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > maxFrame {
			return
		}
		frame := make([]byte, 4+n)
		copy(frame, head[:])
		if _, err := io.ReadFull(c, frame[4:]); err != nil {
			return
		}
		if e.held[other].Load()+int64(n) > queue {
			continue
		}
		e.held[other].Add(int64(n))
		select {
		case e.to[other] <- frame:
		default:
			e.held[other].Add(-int64(n))
		}
	}
}

// deliver gives frames to the machine at end, at the line's rate.
func (e *Ethernet) deliver(end int) {
	free := time.Now() // when the line is next
	for {
		var frame []byte
		select {
		case frame = <-e.to[end]:
		case <-e.stop:
			return
		}
		n := int64(len(frame) - 4)
		// A pause earns no credit but for what a timer is late.
		if soon := time.Now().Add(-5 * time.Millisecond); free.Before(soon) {
			free = soon
		}
		free = free.Add(time.Duration(n * int64(time.Second) / e.rate.Load()))
		if wait := time.Until(free); wait > time.Millisecond {
			select {
			case <-time.After(wait):
			case <-e.stop:
				return
			}
		}
		e.held[end].Add(-n)
		e.mu.Lock()
		c := e.at[end]
		e.mu.Unlock()
		if c == nil || e.cut.Load() {
			continue
		}
		// A machine that takes no more is off, or will be cut; half a frame
		// cannot be taken back.
		_ = c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(frame); err != nil {
			c.Close()
		}
	}
}

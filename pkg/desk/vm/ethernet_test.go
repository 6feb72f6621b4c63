package vm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// machine is the other side of a plug, as qemu uses it.
func machine(t *testing.T, e *Ethernet, end int) net.Conn {
	t.Helper()
	f, err := e.plug(end)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func send(t *testing.T, c net.Conn, body []byte) {
	t.Helper()
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)); err != nil {
		t.Fatal(err)
	}
}

// take reads a frame; nil if none came within limit.
func take(t *testing.T, c net.Conn, limit time.Duration) []byte {
	t.Helper()
	var head [4]byte
	c.SetReadDeadline(time.Now().Add(limit))
	if _, err := io.ReadFull(c, head[:]); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	} else if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestEthernet(t *testing.T) {
	const long = 10 * time.Second
	e := NewEthernet(1e9)
	defer e.Close()
	a, b := machine(t, e, 0), machine(t, e, 1)
	send(t, a, []byte("there"))
	if got := take(t, b, long); string(got) != "there" {
		t.Errorf("got %q", got)
	}
	send(t, b, []byte("and back"))
	if got := take(t, a, long); string(got) != "and back" {
		t.Errorf("got %q", got)
	}
	e.Connect(false)
	send(t, a, []byte("into the dark"))
	if got := take(t, b, 50*time.Millisecond); got != nil {
		t.Errorf("got %q by a cable that is out", got)
	}
	e.Connect(true)
	send(t, a, []byte("again"))
	if got := take(t, b, long); string(got) != "again" {
		t.Errorf("got %q", got)
	}
	// A machine that boots again is at the place of the one before.
	c := machine(t, e, 1)
	send(t, a, []byte("you too"))
	if got := take(t, c, long); string(got) != "you too" {
		t.Errorf("got %q", got)
	}
}

// The line is no faster than it is said to be, and holds no more than a switch does.
func TestEthernetRate(t *testing.T) {
	const rate, frames, size = 100_000, 20, 1000
	e := NewEthernet(rate)
	defer e.Close()
	a, b := machine(t, e, 0), machine(t, e, 1)
	begun := time.Now()
	for range frames {
		send(t, a, make([]byte, size))
	}
	for range frames {
		if got := take(t, b, 10*time.Second); len(got) != size {
			t.Fatalf("got a frame of %d bytes", len(got))
		}
	}
	if took, want := time.Since(begun), (frames-1)*size*time.Second/rate; took < want-20*time.Millisecond {
		t.Errorf("%d bytes took %v, want %v at least", frames*size, took, want)
	}
	slow := NewEthernet(1)
	defer slow.Close()
	a = machine(t, slow, 0)
	for range 100 {
		send(t, a, bytes.Repeat([]byte("x"), size))
	}
	for slow.held[1].Load() < queue-2*size {
		time.Sleep(time.Millisecond)
	}
	if held := slow.held[1].Load(); held > queue {
		t.Errorf("%d bytes wait, want %d at most", held, queue)
	}
}

package badline

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// source serves body to every connection, then closes.
func source(t *testing.T, body []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { conn.Write(body); conn.Close() }()
		}
	}()
	return ln.Addr().String()
}

func drain(t *testing.T, addr string) ([]byte, error) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return io.ReadAll(conn)
}

func TestResets(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	c := &Line{To: source(t, body), Resets: []int64{1_500_000, 300_000}}
	if err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer c.Shut()
	for i, want := range []int{300_000, 1_000_000, 200_000, 1_000_000} {
		got, err := drain(t, c.Addr())
		if want == len(body) {
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("connection %d: got %d bytes, %v, want all", i, len(got), err)
			}
			continue
		}
		// What was not read when the reset came is gone with it.
		if !errors.Is(err, syscall.ECONNRESET) || len(got) > want || !bytes.Equal(got, body[:len(got)]) {
			t.Errorf("connection %d: got %d bytes, %v, want at most %d and a reset", i, len(got), err, want)
		}
	}
	if n := c.Count(); n.Down != 2_500_000 || n.Conns != 4 || n.Reset != 2 {
		t.Errorf("got %+v, want 2,500,000 bytes, 4 connections, 2 resets", n)
	}
}

func TestRate(t *testing.T) {
	body := make([]byte, 200_000)
	c := &Line{To: source(t, body), Rate: 400_000}
	if err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer c.Shut()
	begin := time.Now()
	got, err := drain(t, c.Addr())
	took := time.Since(begin)
	if err != nil || len(got) != len(body) {
		t.Fatalf("got %d bytes, %v", len(got), err)
	}
	if took < 400*time.Millisecond {
		t.Errorf("200 KB at 400 KB/s took %v, want about 500ms", took)
	}
}

func TestRefuseAndShut(t *testing.T) {
	c := &Line{To: source(t, []byte("x")), Refuse: 0.5, Rand: rand.New(rand.NewPCG(1, 1))}
	if err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	good := 0
	for range 40 {
		if got, err := drain(t, c.Addr()); err == nil && len(got) == 1 {
			good++
		}
	}
	if n := c.Count(); n.Conns != 40 || n.Refused != 40-good || n.Refused < 10 || n.Refused > 30 {
		t.Errorf("got %+v and %d that went well", n, good)
	}
	addr := c.Addr()
	c.Shut()
	if _, err := drain(t, addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after Shut got %v, want refused", err)
	}
	if err := c.Open(addr); err != nil {
		t.Errorf("opened again: %v", err)
	}
	c.Shut()
}

// open opens c until the test ends.
func open(t *testing.T, c *Line) *Line {
	t.Helper()
	if err := c.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Shut)
	return c
}

func TestLimit(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 50_000)
	c := open(t, &Line{To: source(t, body), Limit: 300_000})
	for range 2 {
		if got, err := drain(t, c.Addr()); !errors.Is(err, syscall.ECONNRESET) || len(got) > 300_000 || !bytes.HasPrefix(body, got) {
			t.Errorf("got %d bytes, %v, want at most 300,000 and a reset", len(got), err)
		}
	}
	if n := c.Count(); n.Down != 600_000 || n.Reset != 2 {
		t.Errorf("got %+v, want 600,000 bytes and 2 resets", n)
	}
}

// What comes late or in slices is all there, and in its order.
func TestLatencyAndSlices(t *testing.T) {
	body := make([]byte, 100_000)
	rand.NewChaCha8([32]byte{}).Read(body)
	const latency = 60 * time.Millisecond
	c := open(t, &Line{To: source(t, body), Latency: latency, Jitter: latency / 2, Slice: 500})
	begin := time.Now()
	got, err := drain(t, c.Addr())
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("got %d bytes, %v, want all", len(got), err)
	}
	if took := time.Since(begin); took < latency/2 {
		t.Errorf("came after %v, want %v at least", took, latency/2)
	}
}

func TestLife(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c := open(t, &Line{To: ln.Addr().String(), Life: 20 * time.Millisecond})
	if got, err := drain(t, c.Addr()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %q, %v, want a reset", got, err)
	}
}

// A silent line says nothing and closes nothing; what was held comes afterwards.
func TestSilence(t *testing.T) {
	c := open(t, &Line{To: source(t, []byte("late"))})
	c.Silence(true)
	conn, err := net.Dial("tcp", c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	b := make([]byte, 10)
	conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := conn.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v, want nothing", b[:n], err)
	}
	c.Silence(false)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := io.ReadAll(conn); err != nil || string(got) != "late" {
		t.Errorf("got %q, %v", got, err)
	}
	c.Silence(true)
	if _, err := net.Dial("tcp", c.Addr()); err != nil { // Shut ends it all the same
		t.Error(err)
	}
}

package badline

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
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

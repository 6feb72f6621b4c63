package vm

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

func TestConsole(t *testing.T) {
	c := newConsole()
	var log strings.Builder
	c.read(strings.NewReader("VM up\r\n\r\x1b[K1 %\r\x1b[K2 %\r\x1b[Kdone\nlast"), &log)
	var got []string
	for _, l := range c.Lines() {
		got = append(got, l.Text)
	}
	if s := strings.Join(got, "|"); s != "VM up|1 %|2 %|done|last" {
		t.Errorf("got %q", s)
	}
	if !strings.HasSuffix(log.String(), "last") {
		t.Errorf("log %q", log.String())
	}
	if _, ok := c.Await(context.Background(), "no such"); ok {
		t.Error("found what was never said")
	}
	if l, ok := c.Await(context.Background(), "2"); !ok || l.Text != "2 %" {
		t.Errorf("got %q, %v", l.Text, ok)
	}
}

// Await sees a line that comes while it waits, and ends with its context.
func TestAwait(t *testing.T) {
	c := newConsole()
	r, w := io.Pipe()
	go c.read(r, io.Discard)
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if _, ok := c.Await(short, "x"); ok {
		t.Error("found what was not said")
	}
	go io.WriteString(w, "a\nx\n")
	if _, ok := c.Await(context.Background(), "x"); !ok {
		t.Error("missed a line")
	}
	w.Close()
	if _, ok := c.Await(context.Background(), "y"); ok {
		t.Error("found what was not said")
	}
}

package vm

import (
	"bufio"
	"context"
	"io"
	"strings"
	"sync"
	"time"
)

// A Line is what a machine's console said, and when.
type Line struct {
	At   time.Time
	Text string
}

// A Console keeps what a machine says.
type Console struct {
	mu    sync.Mutex
	lines []Line
	more  chan struct{} // closed at the next line, and at the end
	ended bool
}

func newConsole() *Console { return &Console{more: make(chan struct{})} }

// Lines is all that was said so far.
func (c *Console) Lines() []Line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lines[:len(c.lines):len(c.lines)]
}

// Await waits for a line with text in it; false if the machine, or ctx, ended without.
func (c *Console) Await(ctx context.Context, text string) (Line, bool) {
	for seen := 0; ; {
		c.mu.Lock()
		lines, more, ended := c.lines, c.more, c.ended
		c.mu.Unlock()
		for ; seen < len(lines); seen++ {
			if strings.Contains(lines[seen].Text, text) {
				return lines[seen], true
			}
		}
		if ended {
			return Line{}, false
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Line{}, false
		}
	}
}

// read takes lines from r until its end. A line ends at a carriage return too:
// programs draw progress on a console.
func (c *Console) read(r io.Reader, log io.Writer) {
	s := bufio.NewScanner(io.TeeReader(r, log))
	s.Buffer(nil, 1<<20)
	s.Split(func(b []byte, end bool) (int, []byte, error) {
		for i, x := range b {
			if x == '\n' || x == '\r' {
				return i + 1, b[:i], nil
			}
		}
		if end && len(b) > 0 {
			return len(b), b, nil
		}
		return 0, nil, nil
	})
	for s.Scan() {
		if text := strings.TrimPrefix(s.Text(), "\x1b[K"); text != "" {
			c.say(&Line{time.Now(), text})
		}
	}
	io.Copy(log, r) // whatever was too long for a line must not hold the machine up
	c.say(nil)
}

func (c *Console) say(l *Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l != nil {
		c.lines = append(c.lines, *l)
	}
	c.ended = l == nil
	close(c.more)
	if c.more = make(chan struct{}); c.ended {
		close(c.more)
	}
}

package badline

import (
	"io"
	"math/rand/v2"
	"time"
)

// A piece is bytes on their way, or why there are no more.
type piece struct {
	due  time.Time
	data []byte
	err  error
}

// delayed is a reader whose pieces are there when they are due.
type delayed struct {
	pieces <-chan piece
	first  piece
}

// delay reads r until done, and gives what it reads later.
func (c *Line) delay(r io.Reader, done <-chan struct{}) io.Reader {
	pieces := make(chan piece, 1000) // what is on a long line
	c.wg.Go(func() {
		for {
			buf := make([]byte, 16<<10)
			n, err := r.Read(buf)
			due := time.Now().Add(c.Latency)
			if c.Jitter > 0 {
				due = due.Add(rand.N(2*c.Jitter) - c.Jitter)
			}
			select {
			case pieces <- piece{due, buf[:n], err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	})
	return &delayed{pieces: pieces}
}

func (d *delayed) Read(b []byte) (int, error) {
	if len(d.first.data) == 0 && d.first.err == nil {
		d.first = <-d.pieces
		time.Sleep(time.Until(d.first.due))
	}
	n := copy(b, d.first.data)
	d.first.data = d.first.data[n:]
	if len(d.first.data) > 0 {
		return n, nil
	}
	return n, d.first.err
}

package campaign

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A meter is the line between a fetcher and a server. It counts the bytes of
// bodies that the server sent, by path, with the standard library's parsers.
type meter struct {
	ln   net.Listener
	to   string
	rate int64 // bytes a second, 0: no limit

	mu   sync.Mutex
	sent map[string]int64
}

func newMeter(to string, rate int64) (*meter, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	m := &meter{ln: ln, to: to, rate: rate, sent: map[string]int64{}}
	if err == nil {
		go m.accept()
	}
	return m, err
}

func (m *meter) accept() {
	for {
		down, err := m.ln.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", m.to)
		if err != nil {
			down.Close()
			continue
		}
		asked := make(chan *http.Request, 1000) // more than are sent ahead
		go func() {
			defer up.Close()
			defer close(asked)
			for r := bufio.NewReader(io.TeeReader(down, up)); ; {
				q, err := http.ReadRequest(r)
				if err != nil {
					return
				}
				asked <- q
			}
		}()
		go func() {
			defer down.Close()
			r := bufio.NewReader(io.TeeReader(up, &slow{down, m.rate}))
			for q := range asked {
				a, err := http.ReadResponse(r, q)
				if err != nil {
					return
				}
				io.Copy(&tap{m, q.URL.Path}, a.Body)
			}
		}()
	}
}

// take returns what was counted since the last time.
func (m *meter) take() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	sent := m.sent
	m.sent = map[string]int64{}
	return sent
}

// A tap counts what is written to it.
type tap struct {
	m    *meter
	path string
}

func (t *tap) Write(b []byte) (int, error) {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	t.m.sent[t.path] += int64(len(b))
	return len(b), nil
}

// slow writes at a rate.
type slow struct {
	w    io.Writer
	rate int64
}

func (s *slow) Write(b []byte) (int, error) {
	if s.rate > 0 {
		time.Sleep(time.Duration(int64(len(b)) * int64(time.Second) / s.rate))
	}
	return s.w.Write(b)
}

package serve

import (
	"bufio"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"
)

// The end: busy answers are reset where they are, idle connections closed, and
// nothing is left.
func TestEndResetsWhatIsLeft(t *testing.T) {
	root := fixture(t)
	before := resources(t)
	p := start(t, Server{Root: root, Window: window.Spec{For: 2 * time.Second}.Open(), Drain: 200 * time.Millisecond})
	began := time.Now()
	idle := p.dial(t)
	io.WriteString(idle, "GET /f11"+h+"\r\n")
	r := bufio.NewReaderSize(idle, 64<<10)
	if _, err := readAnswer(r, "GET"); err != nil {
		t.Fatal(err)
	}
	type result struct {
		n   int64
		err error
	}
	results := make(chan result)
	for range 8 {
		nc := p.dial(t)
		io.WriteString(nc, "GET /sparse5g"+h+"\r\n")
		go func() {
			n, err := io.Copy(io.Discard, nc)
			nc.Close()
			results <- result{n, err}
		}()
	}
	for range 8 {
		if got := <-results; !isReset(got.err) || got.n >= sparseSize {
			t.Errorf("got %d bytes and %v, want a reset", got.n, got.err)
		}
	}
	if b, err := io.ReadAll(r); err != nil || len(b) > 0 {
		t.Errorf("idle: got %q, %v, want the end", b, err)
	}
	idle.Close()
	<-p.done
	if took := time.Since(began); took < 2*time.Second || took > 12*time.Second {
		t.Errorf("gone after %v, want 2 s", took) // how exactly is measured of the command
	}
	if p.sum.Cut != 8 || p.sum.Requests != 9 || len(p.cuts()) != 8 {
		t.Errorf("got %+v", p.sum)
	}
	for _, e := range p.cuts() {
		if e.At == 0 || e.At != e.Bytes || e.Err != "window over" || e.Path != "/sparse5g" {
			t.Errorf("got %+v", e)
		}
	}
	before.same(t)
}

// The offset of a cut is what the peer has got, not what its kernel might.
func TestCutTellsWhatArrived(t *testing.T) {
	p := start(t, Server{Root: fixture(t)})
	nc := p.dial(t)
	nc.(*net.TCPConn).SetReadBuffer(64 << 10)
	io.WriteString(nc, "GET /sparse5g"+h+"Range: bytes=1000-\r\n\r\n")
	r := bufio.NewReaderSize(nc, 64<<10)
	if _, err := r.Peek(1000); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // the buffers are full, and acknowledged
	p.stop(t)
	n, _ := io.Copy(io.Discard, r)
	e := p.cuts()
	if len(e) != 1 || e[0].At != e[0].Bytes+1000 || e[0].Bytes > n || e[0].Bytes < n-1<<20 {
		t.Errorf("the client got %d bytes with the head, the event says %+v", n, e)
	}
}

// A panic in one answer costs that connection.
func TestPanicIsContained(t *testing.T) {
	root := fixture(t)
	p := start(t, Server{Root: root, Events: func(e Event) {
		if e.Path == "/d/index.html" || e.Path == "/d/f11" {
			panic("from the owner's callback")
		}
	}})
	nc := p.dial(t)
	io.WriteString(nc, "GET /d/f11"+h+"\r\n")
	io.ReadAll(nc)
	if a := p.get(t, "GET", "/f11"); a.body != f11 {
		t.Error(a.raw)
	}
}

// Many read the same file at a time.
func TestManyReaders(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(dir + "/big")
	must(t, err)
	must(t, f.Truncate(64<<20))
	must(t, f.Close())
	p := start(t, Server{Root: dir})
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			nc, err := net.Dial("tcp", p.addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			io.WriteString(nc, "GET /big"+h+"Connection: close\r\n\r\n")
			if n, err := io.Copy(io.Discard, nc); err != nil || n < 64<<20 {
				t.Errorf("got %d bytes, %v", n, err)
			}
		})
	}
	wg.Wait()
}

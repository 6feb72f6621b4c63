package campaign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/flight/agent"
	fetchapp "payload-ipc/pkg/flight/sabertooth"
	serveapp "payload-ipc/pkg/flight/sdrserve"
)

// A pair of agents inside this program.
type pair struct {
	addr   string
	stage  string
	outbox string
	said   bytes.Buffer
	stop   context.CancelFunc
	served chan int
}

func (s Soak) inside(ctx context.Context, root string) (*pair, error) {
	p := &pair{stage: filepath.Join(s.Dir, "stage.inside"), outbox: filepath.Join(s.Dir, "outbox.inside"), served: make(chan int, 1)}
	if err := os.Mkdir(p.outbox, 0o755); err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.addr = ln.Addr().String()
	ln.Close()
	ctx, p.stop = context.WithCancel(ctx)
	go func() {
		p.served <- serveapp.Run(ctx, []string{"--listen", p.addr, "--root", root, "--log", "-"}, agent.Stdio{Out: io.Discard, Err: io.Discard})
	}()
	return p, nil
}

// window is one run of the fetcher; every fourth is told in the middle that its
// window ends, which is an exit like any other.
func (p *pair) window(ctx context.Context, n int) int {
	if n%4 == 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, rand.N(30*time.Millisecond))
		defer stop()
	}
	p.said.Reset()
	code := fetchapp.Run(ctx, []string{"--from", p.addr, "--outbox", p.outbox, "--stage", p.stage, "--log", "-", "--for", "20s", "--reserve", "300ms", "/log=" + logName}, agent.Stdio{Out: io.Discard, Err: &p.said})
	rows, err := os.ReadDir(p.outbox)
	for _, row := range rows {
		err = errors.Join(err, os.Remove(filepath.Join(p.outbox, row.Name())))
	}
	if n%4 == 0 && (code == 3 || code == 4) {
		code = 0
	}
	if err != nil {
		return -1
	}
	return code
}

func (p *pair) end() error {
	p.stop()
	if code := <-p.served; code != 0 {
		return fmt.Errorf("the server inside this program ended with exit %d", code)
	}
	return nil
}

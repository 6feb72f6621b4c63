package mockfm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// plain runs programs on the host itself, for machines without namespaces: the
// files of a payload are under its root directory, and 10.2.1.x is loopback.
// Paths and addresses in arguments are translated; the network is always
// there, the clock is the host's, and processes that leave their group survive.
type plain struct {
	mu    sync.Mutex
	boxes map[string]*child
}

type child struct {
	cmd    *exec.Cmd
	done   chan struct{}
	out    outcome
	opened time.Time
}

func newPlain() sandbox { return &plain{boxes: map[string]*child{}} }

func (p *plain) name() string { return "plain" }

func (p *plain) foreign() (string, error) {
	// Even where the host could run them: a packed one unpacks itself to
	// /persist, which here is not ours.
	return "", errors.New("the plain sandbox runs programs of this machine only")
}

func (p *plain) link(string, bool) error { return nil }

func (p *plain) open(b box) error {
	stdout, err := os.Create(b.Stdout)
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := os.Create(b.Stderr)
	if err != nil {
		return err
	}
	defer stderr.Close()
	c := &child{done: make(chan struct{}), opened: time.Now()}
	path, args := plainCommand(b)
	c.cmd = &exec.Cmd{Path: path, Args: args, Env: []string{}, Dir: b.Root, Stdout: stdout, Stderr: stderr, SysProcAttr: ownGroup()}
	p.mu.Lock()
	p.boxes[b.ID] = c
	p.mu.Unlock()
	if err := c.cmd.Start(); err != nil {
		c.out.Failed = err.Error()
		close(c.done)
		return nil
	}
	go func() {
		defer close(c.done)
		c.cmd.Wait()
		c.out.Ended, c.out.After = c.cmd.ProcessState.String(), time.Since(c.opened)
	}()
	return nil
}

func (p *plain) close(id string) outcome {
	p.mu.Lock()
	c := p.boxes[id]
	delete(p.boxes, id)
	p.mu.Unlock()
	if c == nil {
		return outcome{}
	}
	select {
	case <-c.done:
		if c.cmd.Process != nil {
			killGroup(c.cmd.Process.Pid)
		}
		return c.out
	default:
	}
	killGroup(c.cmd.Process.Pid)
	<-c.done
	return outcome{}
}

func (p *plain) shut() error {
	p.mu.Lock()
	var ids []string
	for id := range p.boxes {
		ids = append(ids, id)
	}
	p.mu.Unlock()
	for _, id := range ids {
		p.close(id)
	}
	return nil
}

// plainCommand translates a command to the host. Our own agents are told in
// flags what a root of their own would tell them.
func plainCommand(b box) (path string, argv []string) {
	path = plainPath(b, b.Program)
	argv = []string{path}
	for _, a := range b.Args {
		argv = append(argv, plainArg(b, a))
	}
	outbox := filepath.Join(b.Root, "outbox")
	switch base := filepath.Base(b.Program); {
	case strings.HasPrefix(base, "sdr-serve"):
		argv = append(argv, "--root="+b.Root, "--log="+filepath.Join(outbox, "sdr-serve.log"))
	case strings.HasPrefix(base, "sabertooth-fetch"):
		argv = append(argv, "--from=127.0.0.1:10101", "--outbox="+outbox,
			"--stage="+filepath.Join(b.Root, "persist/var/sabertooth-fetch"), "--log="+filepath.Join(outbox, "sabertooth-fetch.log"))
	}
	return path, argv
}

// plainPath puts the payload's own directories under its root.
func plainPath(b box, p string) string {
	for _, d := range []string{"/persist", "/inbox", "/outbox"} {
		if p == d || strings.HasPrefix(p, d+"/") {
			return b.Root + p
		}
	}
	return p
}

func plainArg(b box, a string) string {
	for _, p := range payloads {
		for _, addr := range p.addrs {
			a = strings.ReplaceAll(a, addr+":", "127.0.0.1:")
		}
	}
	if key, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(key, "-") {
		return key + "=" + plainPath(b, value)
	}
	return plainPath(b, a)
}

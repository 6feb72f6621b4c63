package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
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
	mu     sync.Mutex // of those who end it
	dark   bool       // nothing of it is left
	cmd    *exec.Cmd
	done   chan struct{}
	out    Outcome
	opened time.Time
}

func newPlain() Sandbox { return &plain{boxes: map[string]*child{}} }

func (p *plain) Kind() string { return "plain" }

func (p *plain) Foreign() (string, error) {
	// Even where the host could run them: a packed one unpacks itself to
	// /persist, which here is not ours.
	return "", errors.New("the plain sandbox runs programs of this machine only")
}

func (p *plain) Disk() error { return errors.New("the plain sandbox has no mounts") }

func (p *plain) Link(string, bool) error { return nil }

func (p *plain) Open(b Payload) error {
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
		c.out = Outcome{End: Refused, Why: err.Error()}
		close(c.done)
		return nil
	}
	go func() {
		defer close(c.done)
		c.cmd.Wait()
		c.out = outcomeOf(c.cmd.ProcessState)
		c.out.After = time.Since(c.opened)
	}()
	return nil
}

func (p *plain) Cut(id string) error {
	p.mu.Lock()
	c := p.boxes[id]
	p.mu.Unlock()
	if c != nil {
		c.end(Lost)
	}
	return nil
}

func (p *plain) Close(id string) Outcome {
	p.mu.Lock()
	c := p.boxes[id]
	delete(p.boxes, id)
	p.mu.Unlock()
	if c == nil {
		return Outcome{}
	}
	return c.end(Killed)
}

// end kills what is left of a payload; how says as what.
func (c *child) end(how End) Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.done:
	default:
		killGroup(c.cmd.Process.Pid)
		<-c.done
		c.out = Outcome{End: how}
	}
	if c.cmd.Process != nil && !c.dark {
		killGroup(c.cmd.Process.Pid)
	}
	c.dark = true
	return c.out
}

func (p *plain) Shut() error {
	p.mu.Lock()
	var ids []string
	for id := range p.boxes {
		ids = append(ids, id)
	}
	p.mu.Unlock()
	for _, id := range ids {
		p.Close(id)
	}
	return nil
}

func outcomeOf(s *os.ProcessState) Outcome {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Outcome{End: Signaled, Signal: ws.Signal().String()}
	}
	return Outcome{End: Exited, Exit: s.ExitCode()}
}

// plainCommand translates a command to the host.
func plainCommand(b Payload) (path string, argv []string) {
	path = plainPath(b, b.Program)
	argv = []string{path}
	for _, a := range b.Args {
		argv = append(argv, plainArg(b, a))
	}
	return path, append(argv, b.Plain...)
}

// plainDirs are the payload's own directories.
var plainDirs = []string{"/persist", "/inbox", "/outbox"}

// plainPath puts the payload's own directories under its root.
func plainPath(b Payload, p string) string {
	for _, d := range plainDirs {
		if p == d || strings.HasPrefix(p, d+"/") {
			return b.Root + p
		}
	}
	return p
}

func plainArg(b Payload, a string) string {
	for _, addr := range b.Peers {
		a = strings.ReplaceAll(a, addr+":", "127.0.0.1:")
	}
	if strings.Contains(a, "\n") { // a script
		for _, d := range plainDirs {
			a = strings.ReplaceAll(a, d, b.Root+d)
		}
		return a
	}
	if key, value, ok := strings.Cut(a, "="); ok && strings.HasPrefix(key, "-") {
		return key + "=" + plainPath(b, value)
	}
	return plainPath(b, a)
}

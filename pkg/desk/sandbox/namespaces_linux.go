package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// namespaces is the sandbox that is like the satellite; this is its user's end
// of the line to the bus process.
type namespaces struct {
	cmd    *exec.Cmd
	errors *tail
	orders io.WriteCloser
	arm64  string // the emulator, "" if none is needed
	cannot string // why arm64 programs do not run
	noDisk string // why there is no disk for payloads

	mu   sync.Mutex
	n    int
	wait map[int]chan report // orders not reported on
	gone chan struct{}       // closed with the bus's last report
}

func newNamespaces(cfg Config) (Sandbox, error) {
	n := &namespaces{errors: &tail{}, wait: map[int]chan report{}, gone: make(chan struct{})}
	n.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{busName}, Env: []string{}, Stderr: n.errors,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			Setsid:      true, // Ctrl-C is for whoever runs the sandbox to handle
		},
	}
	var err error
	n.orders, err = n.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("no namespaces here: %w", err)
	}
	go n.listen(out)
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		n.Shut()
		return nil, err
	}
	all := emulators(cfg.Emulator)
	r, err := n.order(order{Verb: "setup", Setup: setup{Dir: cfg.Dir, Emulators: all}})
	if err != nil {
		n.Shut()
		return nil, err
	}
	n.noDisk = r.NoDisk
	for i, why := range r.Notes {
		switch {
		case all[i].Arch == "arm64":
			n.arm64, n.cannot = all[i].Path, why
		case why != "":
			cfg.Event(Event{Kind: NoEmulator, Arch: all[i].Arch, Why: why})
		}
	}
	return n, nil
}

// listen hands reports to those who wait for them, until the bus is gone.
func (n *namespaces) listen(out io.Reader) {
	defer close(n.gone)
	in := json.NewDecoder(out)
	for {
		var r report
		if in.Decode(&r) != nil {
			return
		}
		n.mu.Lock()
		wait := n.wait[r.N]
		delete(n.wait, r.N)
		n.mu.Unlock()
		if wait != nil {
			wait <- r
		}
	}
}

// order sends one order and waits for the report on it.
func (n *namespaces) order(o order) (report, error) {
	wait := make(chan report, 1)
	n.mu.Lock()
	n.n++
	o.N = n.n
	n.wait[o.N] = wait
	err := json.NewEncoder(n.orders).Encode(o)
	n.mu.Unlock()
	if err == nil {
		select {
		case r := <-wait:
			if r.Error != "" {
				return r, errors.New(r.Error)
			}
			return r, nil
		case <-n.gone:
		}
	}
	return report{}, fmt.Errorf("the bus process is gone: %s", n.errors)
}

func (n *namespaces) Kind() string { return "namespaces" }

func (n *namespaces) Foreign() (string, error) {
	if n.cannot != "" {
		return "", errors.New(n.cannot)
	}
	if native("arm64") {
		return "natively", nil
	}
	return "under " + filepath.Base(n.arm64), nil
}

func (n *namespaces) Disk() error {
	if n.noDisk != "" {
		return errors.New(n.noDisk)
	}
	return nil
}

func (n *namespaces) Open(p Payload) error {
	_, err := n.order(order{Verb: "open", Payload: p})
	return err
}

func (n *namespaces) Link(id string, up bool) error {
	_, err := n.order(order{Verb: "link", ID: id, Up: up})
	return err
}

func (n *namespaces) Cut(id string) error {
	_, err := n.order(order{Verb: "cut", ID: id})
	return err
}

func (n *namespaces) Close(id string) Outcome {
	r, err := n.order(order{Verb: "close", ID: id})
	if err != nil {
		r.Outcome = Outcome{End: Refused, Why: err.Error()}
	}
	return r.Outcome
}

func (n *namespaces) Shut() error {
	n.orders.Close()
	<-n.gone
	if err := n.cmd.Wait(); err != nil {
		return fmt.Errorf("the bus process: %w: %s", err, n.errors)
	}
	return nil
}

// A tail keeps the last of what a process wrote.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 2000; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

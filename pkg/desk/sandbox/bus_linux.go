package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"

	"golang.org/x/sys/unix"
)

// A bus powers payloads on and off and holds the switch that joins them.
type bus struct {
	mu      sync.Mutex
	boxes   map[string]*powered
	bridges map[string]string // by Payload.Bus
	dir     string            // scratch
	noDisk  bool
	ports   int
}

// An order to the bus process, one JSON value on its standard input, and its
// report, one on its standard output. Orders are carried out side by side.
type order struct {
	N       int
	Verb    string // setup, open, link, cut, close
	Setup   setup
	Payload Payload
	ID      string
	Up      bool
}

type report struct {
	N       int
	Error   string
	Notes   []string // to setup: for each emulator why it is no use, or ""
	NoDisk  string   // to setup: why there is none, or ""
	Outcome Outcome
}

type setup struct {
	Dir       string // empty, to mount on
	Emulators []emulator
}

// powered is a payload that is on.
type powered struct {
	cmd    *exec.Cmd
	port   string // its end of the cable, at the switch
	opened time.Time
	disk   *flash.FS // under Root, nil if that is this machine's
	small  *small    // an /outbox of its own
	spec   Payload

	told chan struct{} // closed when init has no more to say
	mu   sync.Mutex    // of those who end it
	dark bool
	lost bool    // by a cut
	out  Outcome // once told is closed
}

func busMain() int {
	// Nothing mounted here may reach the host.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Fprintln(os.Stderr, "make mounts private:", err)
		return 1
	}
	b := &bus{boxes: map[string]*powered{}, bridges: map[string]string{}}
	in := json.NewDecoder(os.Stdin)
	var out sync.Mutex
	for {
		var o order
		if in.Decode(&o) != nil {
			return 0 // and with process 1 all others end
		}
		go func() {
			r := b.obey(o)
			out.Lock()
			defer out.Unlock()
			json.NewEncoder(os.Stdout).Encode(r)
		}()
	}
}

func (b *bus) obey(o order) report {
	r := report{N: o.N}
	var err error
	switch o.Verb {
	case "setup":
		r.Notes, r.NoDisk, err = b.setup(o.Setup)
	case "open":
		err = b.open(o.Payload)
	case "link":
		err = b.link(o.ID, o.Up)
	case "cut":
		err = b.cut(o.ID)
	case "close":
		r.Outcome, err = b.close(o.ID)
	}
	if err != nil {
		r.Error = err.Error()
	}
	return r
}

// setup prepares what all payloads share. What a payload will need is tried
// now, so that a machine on which it cannot work is known before a window is
// wasted.
func (b *bus) setup(s setup) (notes []string, noDisk string, err error) {
	if err := addBridge("probe"); err != nil {
		return nil, "", fmt.Errorf("no bridge: %w", err)
	}
	if err := deleteLink("probe"); err != nil {
		return nil, "", err
	}
	if err := unix.Mount("tmpfs", s.Dir, "tmpfs", 0, ""); err != nil {
		return nil, "", fmt.Errorf("no mounts: %w", err)
	}
	if err := flash.Check(filepath.Join(s.Dir, "probe")); err != nil {
		noDisk = err.Error()
	}
	b.dir, b.noDisk = s.Dir, noDisk != ""
	return registerEmulators(s.Dir, s.Emulators), noDisk, nil
}

// open powers a payload on.
func (b *bus) open(spec Payload) error {
	p := &powered{spec: spec, opened: time.Now(), told: make(chan struct{})}
	if b.noDisk {
		p.spec.Disk = nil
	}
	err := p.insertDisks(filepath.Join(b.dir, "outbox-"+spec.ID))
	if err == nil {
		err = b.start(p)
	}
	if err != nil {
		if p.cmd != nil && p.cmd.Process != nil {
			p.cmd.Process.Kill()
			p.cmd.Wait()
		}
		return errors.Join(err, p.ejectDisks())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boxes[spec.ID] = p
	return nil
}

func (b *bus) start(p *powered) error {
	complaint := &tail{}
	p.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{initName}, Env: []string{}, Stderr: complaint,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
			Setsid:     true,
		},
	}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	if err := b.connect(p); err != nil {
		return fmt.Errorf("cable: %w", err)
	}
	spec, err := json.Marshal(p.spec)
	if err != nil {
		return err
	}
	if _, err := in.Write(spec); err != nil {
		return err
	}
	said := json.NewDecoder(out)
	var first news
	if err := said.Decode(&first); err != nil {
		return fmt.Errorf("payload did not come up: %s", complaint)
	}
	if first.Wrong != "" {
		return errors.New(first.Wrong)
	}
	if p.disk != nil {
		p.disk.Arm()
	}
	in.Close() // go
	go p.listen(said)
	return nil
}

// listen takes down what init says about the program until init is killed.
func (p *powered) listen(said *json.Decoder) {
	defer close(p.told)
	for {
		var n news
		if said.Decode(&n) != nil {
			return
		}
		p.out = n.Outcome
		p.out.After = time.Since(p.opened)
	}
}

// connect lays a cable between the payload and its satellite's switch. As
// only payloads that are on have one, windows that do not overlap never meet.
func (b *bus) connect(p *powered) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	bridge, ok := b.bridges[p.spec.Bus]
	if !ok {
		bridge = fmt.Sprintf("bus%d", len(b.bridges))
		if err := addBridge(bridge); err != nil {
			return err
		}
		if err := setLink(bridge, true); err != nil {
			return err
		}
		b.bridges[p.spec.Bus] = bridge
	}
	b.ports++
	p.port = fmt.Sprintf("port%d", b.ports)
	if err := addVeth(p.port, "eth0", p.cmd.Process.Pid, bridge); err != nil {
		return err
	}
	return setLink(p.port, true)
}

// link pulls or plugs a payload's cable.
func (b *bus) link(id string, up bool) error {
	b.mu.Lock()
	p := b.boxes[id]
	b.mu.Unlock()
	if p == nil {
		return errOff
	}
	return setLink(p.port, up)
}

// cut powers a payload off without a warning.
func (b *bus) cut(id string) error {
	b.mu.Lock()
	p := b.boxes[id]
	b.mu.Unlock()
	if p == nil {
		return errOff
	}
	p.off(true)
	return nil
}

var errOff = errors.New("the payload is off")

// close powers a payload off and forgets it.
func (b *bus) close(id string) (Outcome, error) {
	b.mu.Lock()
	p := b.boxes[id]
	delete(b.boxes, id)
	b.mu.Unlock()
	if p == nil {
		return Outcome{}, nil
	}
	p.off(false)
	return p.out, p.ejectDisks()
}

// off takes cable and power away, once; by a cut or as a window ends.
func (p *powered) off(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dark {
		return
	}
	p.dark = true
	// A payload without power sends no farewell: its connections must not be closed
	// by the death of its processes.
	setLink(p.port, false)
	p.cmd.Process.Kill() // with its process 1 all of a payload ends at once
	// Now, not before: no program may see a disk without power. Those that the
	// kernel holds in a sync end with it.
	waits := p.disksOff()
	<-p.told
	p.cmd.Wait()
	p.lost, p.out.Syncs = cut, waits
	if cut && p.out.End == Killed {
		p.out.End = Lost
	}
}

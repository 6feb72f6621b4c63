package campaign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// A Played is a directory as its windows went.
type Played struct {
	Number int
	Form   string
	Why    []string       // what is wrong
	Story  string         // of all of it
	Cut    map[string]int // by kind, of runs that were under way
	Ended  int            // runs that had ended by themselves before their cut
	Looks  int            // names in outboxes that were judged
	Tars   int            // of these archives
	Late   int            // receipts that a later run wrote
	Twice  int            // of these, that one before it had written
	Sent   int64          // bytes of bodies that the server sent
	Size   int64          // of all files
}

// A played is one that is under way.
type played struct {
	directory
	Played

	dir, stage, outbox string
	bin                string
	meter              *meter
	path               string // on the server
	want               map[string]entry
	story              strings.Builder
	mounts             []*flash.FS

	view     map[string][]byte // the outbox
	taken    map[string]bool   // whole files that were taken from it
	archives map[[32]byte]bool // whole archives that were in it
	by       map[string][]string
	told     map[string]map[string]bool // by receipts: whole files, and the runs that published them
	late     map[string]bool            // receipts that a later run wrote
	claimed  staged
	stable   bool // it has been through a power cut
}

// playDirectory plays d in dir, which is removed, with a server of root at addr.
func playDirectory(ctx context.Context, d directory, bin, dir, root, addr string) (_ Played, err error) {
	p := newPlayed(d, bin, dir)
	err = p.play(ctx, root, addr)
	p.Story = p.story.String()
	return p.Played, err
}

func newPlayed(d directory, bin, dir string) *played {
	return &played{directory: d, bin: bin, dir: dir, Played: Played{Number: d.Number, Form: d.form(), Cut: map[string]int{}}, taken: map[string]bool{}, archives: map[[32]byte]bool{},
		by: map[string][]string{}, told: map[string]map[string]bool{}, late: map[string]bool{}}
}

func (p *played) play(ctx context.Context, root, addr string) (err error) {
	d, dir := p.directory, p.dir
	p.say("%s", d)
	if err := p.furnishDirectory(root); err != nil {
		return err
	}
	if p.meter, err = newMeter(addr, d.Rate); err != nil {
		return err
	}
	defer p.meter.ln.Close()
	defer os.RemoveAll(dir)
	defer func() { err = errors.Join(err, p.off()) }()
	p.stage, p.outbox = filepath.Join(dir, "disk/stage"), filepath.Join(dir, "disk/outbox")
	if d.Apart {
		p.outbox = filepath.Join(dir, "apart/outbox")
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(p.stage), 0o755), os.MkdirAll(p.outbox, 0o755)); err != nil {
		return err
	}
	n := 0
	for ; n < len(d.Cuts) && len(p.Why) == 0; n++ {
		done, err := p.window(ctx, n, &d.Cuts[n])
		if err == nil && done {
			p.complete()
		}
		if err != nil || done {
			return err
		}
	}
	for tries := 0; len(p.Why) == 0; tries++ {
		done, err := p.window(ctx, n+tries, nil)
		if err == nil && done {
			p.complete()
		}
		if err != nil || done {
			return err
		}
		if tries == 2 {
			p.wrong("not complete after three windows that nothing cut")
		}
	}
	return nil
}

func (p *played) say(f string, a ...any)   { fmt.Fprintf(&p.story, f, a...) }
func (p *played) wrong(f string, a ...any) { p.Why = append(p.Why, fmt.Sprintf(f, a...)) }

// on mounts the disks, if they are not.
func (p *played) on(n int) error {
	if len(p.mounts) > 0 {
		return nil
	}
	spec := cutDisks[p.Disk]
	spec.Seed = p.Seed<<32 + uint64(p.directory.Number)<<8 + uint64(n)
	dirs := []string{filepath.Dir(p.stage)}
	if p.Apart {
		dirs = append(dirs, filepath.Dir(p.outbox))
	}
	for _, dir := range dirs {
		f, err := flash.Mount(dir, dir, spec)
		if err != nil {
			return err
		}
		p.mounts = append(p.mounts, f)
		spec.Seed += 1 << 31
	}
	return nil
}

// off unmounts them: what is in the directories named is spared, of the rest a
// cut leaves what it leaves.
func (p *played) off(spared ...string) (err error) {
	for _, f := range p.mounts {
		err = errors.Join(err, f.Close(spared...))
	}
	p.mounts = nil
	return err
}

// window is one run of the fetcher. done: it has said that all is complete.
func (p *played) window(ctx context.Context, n int, c *cut) (done bool, err error) {
	if err := p.on(n); err != nil {
		return false, err
	}
	w := judged{run: fmt.Sprintf("run%d", n+1), exit: -1}
	path := p.path
	args := []string{"--from", p.meter.ln.Addr().String(), "--stage", p.stage, "--outbox", p.outbox, "--log", "-", "--run", w.run, "--for", "60s", "--depth", "2"}
	if p.Archive {
		path += "=many.tar"
	} else {
		args = args[:len(args)-2]
	}
	cmd := exec.CommandContext(ctx, p.bin, append(args, path)...)
	var log bytes.Buffer
	cmd.Stderr = &log
	// The alarm stands before the first call.
	var at, term <-chan struct{}
	disk := p.mounts[0]
	if c != nil {
		if c.Term > 0 {
			term, at = disk.After(c.Term), disk.After(c.Term+c.Call)
		} else {
			at = disk.After(c.Call)
		}
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	over := make(chan struct{})
	go func() {
		cmd.Wait()
		close(over)
	}()
	cutOff, dark := false, false
	for wait := true; wait; {
		select {
		case <-over:
			wait = false
		case <-term:
			term = nil
			cmd.Process.Signal(syscall.SIGTERM)
		case <-at:
			time.Sleep(c.Wait)
			if dark = c.Kind == powered; dark {
				for _, f := range p.mounts {
					f.Off()
				}
			}
			cmd.Process.Kill()
			<-over
			cutOff, wait = true, false
		}
	}
	w.exit = cmd.ProcessState.ExitCode() // it may have ended before it was killed
	w.cut = cutOff && w.exit < 0
	kind := ended
	switch {
	case c != nil && w.cut:
		kind = c.Kind
		p.Cut[kind]++
	case c != nil:
		kind = c.Kind
		p.Ended++
	}
	p.say("%s: cut %v (%s), exit %d\n%s", w.run, w.cut, kind, w.exit, log.String())
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if w.exit == 0 && !dark {
		s, err := readStage(p.stage)
		for _, name := range s.names {
			// What an earlier run was cut off in goes with the next one.
			if name != "lock" && !(n > 0 && strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")) {
				p.wrong("%s: complete, and on the stage is %q", w.run, s.names)
			}
		}
		if err != nil {
			return false, err
		}
	}
	switch kind {
	case ended:
		spared := "outbox"
		err = p.off(spared)
	case powered:
		err = p.off()
	}
	if err != nil {
		return false, err
	}
	if err := p.look(&w); err != nil {
		return false, err
	}
	if kind == ended || c != nil && kind == powered && c.Take {
		for name := range p.view {
			if err := os.Remove(filepath.Join(p.outbox, name)); err != nil {
				return false, err
			}
			if p.whole(name) {
				p.taken[name] = true
			}
		}
		p.view = nil
	}
	return w.exit == 0, nil
}

// whole says whether a name in the outbox is that of a whole file.
func (p *played) whole(name string) bool {
	if p.Archive {
		return name == "many.tar"
	}
	return p.want[name].kind == "file"
}

func sumOf(b []byte) [32]byte { return sha256.Sum256(b) }

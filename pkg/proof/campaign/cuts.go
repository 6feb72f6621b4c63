package campaign

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// Cuts plays directories, as files and as archives: windows of the real
// fetcher against the real server, on a flash of the desk, one after the other
// until all has come. Most of them are cut off, by SIGKILL or by the power,
// each time at a call to the disk that chance chose; then everything that is
// there is looked at.
type Cuts struct {
	Seed     uint64
	Cuts     int // at least so many
	First    int // number of the first play
	Plays    int // at most so many, 0: as many as it takes
	Parallel int
	Bin      string // directory of the agents' programs
	Dir      string // scratch, made and removed
	Keep     string // directory for the stories of bad plays

	Say io.Writer `json:"-"` // progress, may be nil
}

// Run plays. It needs namespaces and /dev/fuse: ErrNotHere.
func (c Cuts) Run(ctx context.Context) (t CutTable, err error) {
	for _, program := range []string{"sdr-serve", "sabertooth-fetch"} {
		if _, err := os.Stat(filepath.Join(c.Bin, program)); err != nil {
			return t, fmt.Errorf("%w: build it with make", err)
		}
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return t, err
	}
	defer os.RemoveAll(c.Dir)
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return t, err
	}
	job, err := json.Marshal(c)
	if err != nil {
		return t, err
	}
	// In namespaces of its own: no root is needed, and no mount is left behind.
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{cutsName}
	cmd.Stdin = bytes.NewReader(job)
	cmd.Stderr = c.Say
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.Output()
	var died *exec.ExitError
	if err != nil && !errors.As(err, &died) {
		return t, fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	if json.Unmarshal(out, &t) != nil {
		return t, fmt.Errorf("the plays ended with %q: %w", out, err)
	}
	if t.None {
		return t, fmt.Errorf("%w: %s", ErrNotHere, t.Error)
	}
	if t.Error != "" {
		return t, errors.New(t.Error)
	}
	return t, ctx.Err()
}

const cutsName = "campaign-cuts"

// init takes over before main where Run has started this program again.
func init() {
	if len(os.Args) == 0 || os.Args[0] != cutsName {
		return
	}
	var c Cuts
	var t CutTable
	err := json.NewDecoder(os.Stdin).Decode(&c)
	if err == nil {
		c.Say = os.Stderr
		err = c.play(context.Background(), &t)
	}
	if err != nil {
		t.Error = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(t)
	os.Exit(0)
}

// play is Run, inside.
func (c Cuts) play(ctx context.Context, t *CutTable) error {
	if err := flash.Check(filepath.Join(c.Dir, "probe")); err != nil {
		t.None = true
		return err
	}
	root := filepath.Join(c.Dir, "root")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := ln.Addr().String()
	ln.Close()
	server := exec.Command(filepath.Join(c.Bin, "sdr-serve"), "--listen", addr, "--root", root, "--log", "-", "--for", "3h")
	if err := server.Start(); err != nil {
		return err
	}
	defer func() {
		server.Process.Signal(os.Interrupt)
		server.Wait()
	}()
	for try := 0; ; try++ {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			break
		}
		if try == 100 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	begin := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	next, done := c.First, 0
	for range c.Parallel {
		wg.Go(func() {
			for {
				mu.Lock()
				if done >= c.Cuts || c.Plays > 0 && next >= c.First+c.Plays || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				d := drawCuts(c.Seed, next)
				next++
				mu.Unlock()
				p, err := playDirectory(ctx, d, filepath.Join(c.Bin, "sabertooth-fetch"), filepath.Join(c.Dir, fmt.Sprint("p", d.Number)), root, addr)
				if err != nil {
					p.Why = append(p.Why, "could not be played: "+err.Error())
				}
				if len(p.Why) > 0 && c.Keep != "" {
					os.MkdirAll(c.Keep, 0o755)
					os.WriteFile(filepath.Join(c.Keep, fmt.Sprintf("cuts-%d-%d.story", c.Seed, d.Number)), []byte(strings.Join(p.Why, "\n")+"\n"+p.Story), 0o644)
				}
				if c.Plays != 1 {
					p.Story = ""
				}
				mu.Lock()
				t.Plays = append(t.Plays, p)
				for _, n := range p.Cut {
					done += n
				}
				fmt.Fprintf(c.Say, "\r%d of %d cuts ", done, c.Cuts)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	fmt.Fprint(c.Say, "\r")
	t.Took = time.Since(begin)
	slices.SortFunc(t.Plays, func(a, b Played) int { return cmp.Compare(a.Number, b.Number) })
	return ctx.Err()
}

// A CutTable is what came of the plays.
type CutTable struct {
	Plays []Played
	Took  time.Duration
	None  bool // nothing could be played here
	Error string
}

// Bad says whether our agents did what they must never do.
func (t CutTable) Bad() bool {
	return slices.ContainsFunc(t.Plays, func(p Played) bool { return len(p.Why) > 0 })
}

// Total is the number of cuts.
func (t CutTable) Total() (n int) {
	for _, p := range t.Plays {
		for _, k := range p.Cut {
			n += k
		}
	}
	return n
}

// JSON writes a line for each play.
func (t CutTable) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, p := range t.Plays {
		if err := e.Encode(p); err != nil {
			return err
		}
	}
	return nil
}

// Text is the result for a terminal, also fit for a Markdown file.
func (t CutTable) Text(c Cuts) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cuts in %d plays of seed %d, %d at a time, in %s.\n\n", t.Total(), len(t.Plays), c.Seed, c.Parallel, t.Took.Round(time.Second))
	fmt.Fprint(&b, "| | plays | right | SIGKILL | end | power | over before | names judged | of these archives | late receipts | of these again | sent / size |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	sums := map[string]*Played{}
	plays, right := map[string]int{}, map[string]int{}
	for _, p := range t.Plays {
		for _, form := range []string{p.Form, "~all"} {
			s := sums[form]
			if s == nil {
				s = &Played{Cut: map[string]int{}}
				sums[form] = s
			}
			for kind, n := range p.Cut {
				s.Cut[kind] += n
			}
			s.Ended, s.Looks, s.Tars, s.Late, s.Twice, s.Sent, s.Size = s.Ended+p.Ended, s.Looks+p.Looks, s.Tars+p.Tars, s.Late+p.Late, s.Twice+p.Twice, s.Sent+p.Sent, s.Size+p.Size
			if plays[form]++; len(p.Why) == 0 {
				right[form]++
			}
		}
	}
	for _, form := range slices.Sorted(maps.Keys(sums)) {
		s := sums[form]
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %.2f |\n", strings.TrimPrefix(form, "~"), plays[form], right[form],
			s.Cut[killed], s.Cut[ended], s.Cut[powered], s.Ended, s.Looks, s.Tars, s.Late, s.Twice, float64(s.Sent)/float64(s.Size))
	}
	for _, p := range t.Plays {
		if len(p.Why) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nBAD: bin/campaign --cuts 1 --seed %d --pass %d\n", c.Seed, p.Number)
		for _, why := range p.Why {
			fmt.Fprintf(&b, "  %s\n", why)
		}
	}
	return b.String()
}

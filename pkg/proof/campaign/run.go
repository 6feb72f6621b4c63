package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"payload-ipc/pkg/desk/mockfm"
)

// A Campaign is many passes.
type Campaign struct {
	Seed     uint64
	First    int // number of the first pass
	Passes   int
	With     string // a fault that each pass has, "": whatever is drawn
	Parallel int
	Budget   time.Duration // no pass begins after it, 0: no limit
	Old      bool          // the old commands too
	Bin      string        // directory of the agents' programs
	Self     string        // this program, for what it does aboard
	Dir      string        // scratch, made and removed
	Keep     string        // directory for the stories of bad passes
	Progress io.Writer     // may be nil
	Story    io.Writer     // gets the story of every pass, may be nil
}

// A Row is one pass of one contender.
type Row struct {
	Schedule Schedule
	Who      string
	Verdict  Verdict
	Err      error // the pass could not be played
	Again    *Row  // the same pass played alone, where the first may have lacked time
}

// Check says what of c asks for what is not there.
func (c Campaign) Check() error {
	if c.With != "" && !slices.Contains(faults, c.With) {
		return fmt.Errorf("--with %q: no such fault; there are %s", c.With, strings.Join(faults, ", "))
	}
	return nil
}

// Run plays all passes, and returns what there is when ctx or the budget ends.
func (c Campaign) Run(ctx context.Context) ([]Row, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	for _, program := range []string{"sdr-serve", "sabertooth-fetch"} {
		if _, err := os.Stat(filepath.Join(c.Bin, program)); err != nil {
			return nil, fmt.Errorf("%w: build it with make", err)
		}
	}
	if err := os.RemoveAll(c.Dir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(c.Dir)
	b, err := c.programs()
	if err != nil {
		return nil, err
	}
	if err := possibleHere(filepath.Join(c.Dir, "probe")); err != nil {
		return nil, err
	}
	who := contenders[:1]
	if c.Old {
		who = nil
		for _, w := range contenders {
			if w.here() {
				who = append(who, w)
			}
		}
	}
	type job struct {
		s Schedule
		w contender
	}
	jobs := make(chan job)
	var rows []Row
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range c.Parallel {
		wg.Go(func() {
			for j := range jobs {
				row := c.one(ctx, j.s, j.w, b)
				if ctx.Err() != nil {
					continue // cut short, not judged
				}
				mu.Lock()
				rows = append(rows, row)
				if c.Progress != nil && len(rows)%10 == 0 {
					fmt.Fprintf(c.Progress, "\r%d of %d ", len(rows), c.Passes*len(who))
				}
				mu.Unlock()
			}
		})
	}
	begin := time.Now()
feed:
	for n, number := 0, c.First; n < c.Passes; number++ {
		if c.Budget > 0 && time.Since(begin) > c.Budget {
			break
		}
		s := Draw(c.Seed, number)
		if c.With != "" && !s.has(c.With) {
			continue
		}
		n++
		for _, w := range who {
			select {
			case jobs <- job{s, w}:
			case <-ctx.Done():
				break feed
			}
		}
	}
	close(jobs)
	wg.Wait()
	for i := range rows {
		// On a busy machine lateness may be the machine's. Not so what is wrong.
		if r := &rows[i]; r.bad() && r.timed() && r.Who == contenders[0].name && ctx.Err() == nil {
			again := c.one(ctx, r.Schedule, contenders[0], b)
			r.Again = &again
		}
	}
	if c.Progress != nil {
		fmt.Fprint(c.Progress, "\r")
	}
	return rows, ctx.Err()
}

// here says whether this machine has the contender's programs, where payloads
// see them.
func (w contender) here() bool {
	if w.honest {
		return true
	}
	for _, argv := range [][]string{w.server(0, 0), w.client(0, 0, "")} {
		if _, err := os.Stat(argv[0]); err != nil {
			return false
		}
	}
	return true
}

// ErrNotHere: this machine cannot give payloads roots, networks, clocks and
// disks of their own. On its own disk a power cut would forget nothing, and
// prove nothing.
var ErrNotHere = errors.New("needs user namespaces and /dev/fuse, which this machine does not allow")

func possibleHere(state string) error {
	m := mockfm.New(mockfm.Config{State: state, Sandbox: "namespaces"})
	if err := m.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	err := m.Disk()
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrNotHere, err)
	}
	return errors.Join(err, m.Close())
}

// programs copies what flies to the scratch, so that every pass can link it.
func (c Campaign) programs() (bins, error) {
	b := bins{Dir: filepath.Join(c.Dir, "bin")}
	b.Self = filepath.Join(b.Dir, "campaign")
	err := os.MkdirAll(b.Dir, 0o755)
	for to, from := range map[string]string{"sdr-serve": filepath.Join(c.Bin, "sdr-serve"), "sabertooth-fetch": filepath.Join(c.Bin, "sabertooth-fetch"), "campaign": c.Self} {
		if err == nil {
			err = clone(from, filepath.Join(b.Dir, to))
		}
	}
	return b, err
}

func (c Campaign) one(ctx context.Context, s Schedule, w contender, b bins) Row {
	row := Row{Schedule: s, Who: w.name}
	dir := filepath.Join(c.Dir, fmt.Sprintf("%d-%d-%s", s.Seed, s.Pass, slug(w.name)))
	defer os.RemoveAll(dir)
	p, err := play(ctx, s, w, dir, b)
	if err != nil {
		row.Err = err
		return row
	}
	row.Verdict = p.judge()
	if c.Story != nil {
		fmt.Fprint(c.Story, p.tell(row.Verdict))
	}
	if row.bad() && p.honest && c.Keep != "" {
		file := filepath.Join(c.Keep, filepath.Base(dir)+".story")
		row.Err = errors.Join(os.MkdirAll(c.Keep, 0o755), os.WriteFile(file, []byte(p.tell(row.Verdict)), 0o644))
	}
	return row
}

func slug(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == ' ' || b[i] == ',' || b[i] == '+' {
			b[i] = '-'
		}
	}
	return string(b)
}

// bad is what must not happen to our agents, or to this program.
func (r Row) bad() bool {
	if r.Err != nil {
		return true
	}
	switch r.Verdict.Outcome {
	case Lie, Lost, Overrun:
		return true
	}
	return r.Verdict.Must && !r.Verdict.Whole
}

// timed says whether r is bad by being late and by nothing else.
func (r Row) timed() bool {
	return r.Err == nil && r.Verdict.Outcome != Lie && r.Verdict.Outcome != Lost
}

// stands says whether r is bad, and again if it was played again.
func (r Row) stands() bool { return r.bad() && (r.Again == nil || r.Again.bad()) }

// Replay is the command that plays this pass once more.
func (r Row) Replay() string {
	return fmt.Sprintf("bin/campaign --seed %d --pass %d", r.Schedule.Seed, r.Schedule.Pass)
}

// tell is the pass for a person.
func (p *pass) tell(v Verdict) string {
	s := p.Schedule.String()
	s += fmt.Sprintf("  %s: %s, whole %v; a perfect client could: %v, must: %v (%s to spare)\n", p.name, v.Outcome, v.Whole, v.Could, v.Must, short(v.Spare))
	for _, why := range v.Why {
		s += "  BAD: " + why + "\n"
	}
	s += p.story.String()
	for _, g := range p.journal.gens {
		s += fmt.Sprintf("generation %d: from %s, %d bytes in the end", g.number, g.born.Format("05.000"), len(g.body))
		if !g.past.IsZero() {
			s += ", past " + g.past.Format("05.000")
		}
		s += "\n"
	}
	for _, f := range p.results {
		s += fmt.Sprintf("%s: fetcher %s, exit %d, killed %v\n", f.run, f.ended, f.exit, f.killed)
		for _, w := range f.ended.Syncs {
			s += fmt.Sprintf("  its disk: a sync at %s took %s, held at the end %v\n", w.At.Format("05.000"), short(w.For), w.Held)
		}
		for name, body := range f.files {
			text := ""
			if name != logName && name != logName+".part" {
				text = ":\n" + string(body)
			}
			s += fmt.Sprintf("  %s, %d bytes%s\n", name, len(body), text)
		}
	}
	return s
}

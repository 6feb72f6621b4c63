package campaign

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"payload-ipc/pkg/desk/mockfm"
)

const (
	logPath  = "/var/log/sdr.log"
	logName  = "sdr_syslog"
	stageDir = "persist/var/sabertooth-fetch"
	slack    = time.Second // between an agent's deadline and the end of its window
	reserve  = 300 * time.Millisecond
	drain    = 500 * time.Millisecond
)

// A pass is one schedule played with one contender, and what was seen of it.
type pass struct {
	Schedule
	contender
	dir     string
	journal *journal
	flown   []*flown
	claims  []claim // what the stage held between windows
	held    []claim // and at the end
	story   strings.Builder
}

// flown is one overlap as it went.
type flown struct {
	Overlap
	run            string
	opened, closed time.Time // the fetch window
	deadline       time.Time // of the fetcher
	up             [][2]time.Time
	linked         [][2]time.Time // both cables plugged and both payloads on
	ended          string         // of the fetch window, in the Mock's words
	exit           int            // of the fetcher, -1 if it had none
	killed         bool           // by the schedule
	serverLate     time.Duration  // how long the server outlived its deadline
	files          map[string][]byte
}

// A claim is a stretch of a generation that a stage says it holds.
type claim struct {
	gen  *generation
	from int
	size int
}

// bins are the programs of a campaign on this machine.
type bins struct{ Dir, Self string }

// play flies the pass in dir, which it removes unless keep.
func play(ctx context.Context, s Schedule, c contender, dir string, b bins) (p *pass, err error) {
	p = &pass{Schedule: s, contender: c, dir: dir}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "state")
	var mu sync.Mutex
	var hear func(time.Time, string)
	m := mockfm.New(mockfm.Config{
		State: state, Sandbox: "namespaces",
		Shortest: time.Second, SyslogRotate: -1, SyslogRate: 1,
		Event: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			fmt.Fprintf(&p.story, "%s %s\n", now.Format("05.000"), line)
			if hear != nil {
				hear(now, line)
			}
		},
	})
	if err := m.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if p.journal, err = p.furnish(state, b); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range s.Overlaps {
		f := &flown{Overlap: s.Overlaps[i], run: fmt.Sprintf("pass-%d-%d", s.Pass, i+1), exit: -1}
		p.flown = append(p.flown, f)
		ears := newEars(f)
		mu.Lock()
		hear = ears.hear
		mu.Unlock()
		if err := p.fly(ctx, m, f, ears); err != nil {
			return p, err
		}
		mu.Lock()
		hear = nil
		mu.Unlock()
		if f.files, err = landed(state, seen); err != nil {
			return p, err
		}
		p.notes(f, ears)
		if !c.honest {
			continue
		}
		claims, err := p.stage(filepath.Join(payload(state, "SABERTOOTH"), stageDir), f.Power > 0)
		if err != nil {
			return p, err
		}
		if i+1 < len(s.Overlaps) {
			p.claims = append(p.claims, claims...)
		} else {
			p.held = claims
		}
	}
	return p, nil
}

func payload(state, name string) string {
	return filepath.Join(state, "payloads/FM1", name, "root")
}

// furnish puts the programs aboard and begins the log.
func (p *pass) furnish(state string, b bins) (*journal, error) {
	for payloadName, programs := range map[string][]string{
		"SDR":        {filepath.Join(b.Dir, "sdr-serve"), b.Self},
		"SABERTOOTH": {filepath.Join(b.Dir, "sabertooth-fetch"), b.Self},
	} {
		at := filepath.Join(payload(state, payloadName), "persist/bin")
		if err := os.MkdirAll(at, 0o755); err != nil {
			return nil, err
		}
		for _, program := range programs {
			name := filepath.Base(program)
			if program == b.Self {
				name = "campaign"
			}
			if err := clone(program, filepath.Join(at, name)); err != nil {
				return nil, err
			}
		}
	}
	logs := filepath.Join(state, "payloads/FM1/SDR/system/var/log")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	return newJournal(filepath.Join(logs, filepath.Base(logPath)), p.Size)
}

// clone links a file, or copies it to another disk.
func clone(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, body, 0o755)
}

// fly schedules the two windows of f and waits until they are over.
func (p *pass) fly(ctx context.Context, m *mockfm.Mock, f *flown, ears *ears) error {
	meet := max(f.SDR.At, f.Fetch.At)
	add := func(spec string, at time.Duration) error {
		fault, err := mockfm.ParseFault(fmt.Sprintf(spec+",times=1", max(at, time.Millisecond)))
		if err == nil {
			m.AddFault(fault)
		}
		return err
	}
	var errs []error
	of := func(payloadName string) time.Duration {
		if payloadName == "SDR" {
			return meet - f.SDR.At
		}
		return meet - f.Fetch.At
	}
	for _, cut := range f.Cut {
		errs = append(errs, add(f.CutAt+"=link-cut,at=%s,for="+cut.For.String(), of(f.CutAt)+cut.At))
	}
	if f.Power > 0 {
		errs = append(errs, add("SABERTOOTH=power-cut,at=%s", of("SABERTOOTH")+f.Power))
	}
	for _, c := range f.Clocks {
		if c.Unset {
			fault, err := mockfm.ParseFault(c.Payload + "=clock-unset,times=1")
			errs = append(errs, err)
			m.AddFault(fault)
		} else {
			errs = append(errs, add(c.Payload+"=clock-step,at=%s,by="+c.By.String(), of(c.Payload)+c.At))
		}
	}
	if f.Outbox > 0 {
		fault, err := mockfm.ParseFault(fmt.Sprintf("SABERTOOTH=disk-full,times=1,size=%d", f.Outbox))
		errs = append(errs, err)
		m.AddFault(fault)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}

	base := m.Now().Add(24 * time.Hour).Truncate(time.Second)
	sdrEnd, fetchEnd := base.Add(f.SDR.end()-slack), base.Add(f.Fetch.end()-slack)
	server := aide{
		Cmd:  p.server(sdrEnd.Unix(), f.SDR.For-slack),
		Late: f.Late, Down: f.Down, For: p.honest, To: backDoor, Listen: "0.0.0.0:10101",
		Rate: p.Rate, Resets: f.Resets, Report: "/persist/notes",
	}
	argv := p.client(fetchEnd.Unix(), f.Fetch.For-slack, f.run)
	if f.Kill > 0 {
		argv = []string{"/persist/bin/campaign", "aide", aide{Cmd: argv, Down: []Span{{At: of("SABERTOOTH") + f.Kill}}, Killed: true, Report: "/persist/notes"}.String()}
	}
	for _, file := range ears.noteFiles(p.dir) {
		os.Remove(file)
	}
	if err := post(ctx, m, "SDR", base.Add(f.SDR.At), f.SDR.For, []string{"/persist/bin/campaign", "aide", server.String()}); err != nil {
		return err
	}
	if err := post(ctx, m, "SABERTOOTH", base.Add(f.Fetch.At), f.Fetch.For, argv); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	wrote := make(chan error, 1)
	life, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-ears.first:
			wrote <- p.journal.live(life, p.Schedule, f.Overlap, time.Now())
		case <-life.Done():
			wrote <- life.Err()
		}
	}()
	// By hand: a clock that warps by itself may be past the second window's
	// start before it is asked for.
	m.Skip(base.Sub(m.Now()) - time.Millisecond)
	select {
	case <-ears.over:
	case <-ctx.Done():
	}
	m.Skip(13 * time.Hour) // two contacts later all is down
	err := m.Idle(ctx)
	stop()
	return errors.Join(err, <-wrote)
}

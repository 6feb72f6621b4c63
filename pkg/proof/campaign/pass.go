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

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/desk/sandbox"
)

const (
	logPath  = "/var/log/sdr.log"
	logName  = "sdr_syslog"
	stageDir = "persist/var/sabertooth-fetch"
	reserve  = time.Second
	drain    = time.Second
)

// A pass is one schedule played with one contender, and what was seen of it.
type pass struct {
	Schedule
	contender
	dir     string
	journal *journal
	results []*overlapResult
	claims  []claim  // what the stage held between windows
	held    []claim  // and at the end
	torn    []string // what durable cursors claim and no disk has
	story   strings.Builder
}

// An overlapResult is one overlap as it went.
type overlapResult struct {
	Overlap
	run            string
	opened, closed time.Time // the fetch window
	deadline       time.Time // when the fetcher's payload goes dark
	up             [][2]time.Time
	linked         [][2]time.Time  // both cables plugged and both payloads on
	ended          sandbox.Outcome // of the fetch window
	exit           int             // of the fetcher, -1 if it had none
	killed         bool            // by the schedule
	serverGone     time.Time       // the instant by which the server must be gone
	serverLate     time.Duration   // how long it outlived that
	serverSyncs    []flash.Wait
	fetchLate      time.Duration // likewise the fetcher
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
	var hear func(time.Time, mockfm.Event)
	m := mockfm.New(mockfm.Config{
		State: state, Sandbox: "namespaces", Disk: "emmc", Seed: s.Seed<<20 + uint64(s.Pass),
		Shortest: time.Second, SyslogRotate: -1, SyslogRate: 1,
		Event: func(e mockfm.Event) {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			fmt.Fprintf(&p.story, "%s %s\n", now.Format("05.000"), e)
			if hear != nil {
				hear(now, e)
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
	known := map[string]bool{}
	for i := range s.Overlaps {
		f := &overlapResult{Overlap: s.Overlaps[i], run: fmt.Sprintf("pass-%d-%d", s.Pass, i+1), exit: -1}
		p.results = append(p.results, f)
		seen := newObserver(f)
		mu.Lock()
		hear = seen.hear
		mu.Unlock()
		if err := p.fly(ctx, m, f, seen); err != nil {
			return p, err
		}
		mu.Lock()
		hear = nil
		mu.Unlock()
		if f.files, err = landed(state, known); err != nil {
			return p, err
		}
		p.notes(f, seen)
		if !c.honest {
			continue
		}
		claims, err := p.stage(filepath.Join(payload(state, "SABERTOOTH"), stageDir))
		if err != nil {
			return p, err
		}
		p.torn = append(p.torn, p.unkept(filepath.Join(payload(state, "SABERTOOTH"), stageDir), claims)...)
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
func (p *pass) fly(ctx context.Context, m *mockfm.Mock, f *overlapResult, seen *observer) error {
	p.misfortunes(m, f)
	base := m.Now().Add(24 * time.Hour).Truncate(time.Second)
	sdrEnd, fetchEnd := base.Add(f.SDR.end()), base.Add(f.Fetch.end())
	server := supervisor{
		Cmd:  p.server(sdrEnd.Unix(), f.SDR.For),
		Late: f.Late, Down: f.Down, For: p.honest, To: backDoor, Listen: "0.0.0.0:10101",
		Rate: p.Rate, Resets: f.Resets,
	}
	argv := p.client(fetchEnd.Unix(), f.Fetch.For, f.run)
	if f.Kill > 0 {
		argv = []string{"/persist/bin/campaign", "supervisor", supervisor{Cmd: argv, Down: []Span{{At: f.until("SABERTOOTH") + f.Kill}}, Killed: true}.String()}
	}
	if err := post(ctx, m, "SDR", base.Add(f.SDR.At), f.SDR.For, []string{"/persist/bin/campaign", "supervisor", server.String()}); err != nil {
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
		case <-seen.first:
			wrote <- p.journal.live(life, p.Schedule, f.Overlap, time.Now())
		case <-life.Done():
			wrote <- life.Err()
		}
	}()
	// By hand: a clock that warps by itself may be past the second window's
	// start before it is asked for.
	m.Skip(base.Sub(m.Now()) - time.Millisecond)
	select {
	case <-seen.over:
	case <-ctx.Done():
	}
	m.Skip(13 * time.Hour) // two contacts later all is down
	err := m.Idle(ctx)
	stop()
	return errors.Join(err, <-wrote)
}

// until is the time from the opening of a payload's window to that of both.
func (o Overlap) until(payloadName string) time.Duration {
	meet := max(o.SDR.At, o.Fetch.At)
	if payloadName == "SDR" {
		return meet - o.SDR.At
	}
	return meet - o.Fetch.At
}

// misfortunes asks the Mock for what it can do to the payloads of f.
func (p *pass) misfortunes(m *mockfm.Mock, f *overlapResult) {
	add := func(payloadName string, kind mockfm.FaultKind, more mockfm.Fault) {
		more.Place, more.Kind, more.Times = payloadName, kind, 1
		m.AddFault(more)
	}
	// at counts from the moment that both windows are open.
	at := func(payloadName string, d time.Duration) time.Duration {
		return max(f.until(payloadName)+d, time.Millisecond)
	}
	for _, cut := range f.Cut {
		add(f.CutAt, mockfm.LinkCut, mockfm.Fault{At: at(f.CutAt, cut.At), For: cut.For})
	}
	if f.Power > 0 {
		add("SABERTOOTH", mockfm.PowerCut, mockfm.Fault{At: at("SABERTOOTH", f.Power)})
	}
	for _, c := range f.Clocks {
		if c.Unset {
			add(c.Payload, mockfm.ClockUnset, mockfm.Fault{})
		} else {
			add(c.Payload, mockfm.ClockStep, mockfm.Fault{At: at(c.Payload, c.At), By: c.By})
		}
	}
	if f.Outbox > 0 {
		add("SABERTOOTH", mockfm.DiskFull, mockfm.Fault{Size: f.Outbox})
	}
	if d := f.Disk; d.Rate > 0 || d.Stall > 0 {
		disk := f.flash()
		add("SABERTOOTH", mockfm.DiskSlow, mockfm.Fault{Rate: disk.Write, Sync: disk.SyncMax, Stall: d.Stall})
	}
	if e := f.Disk.Error; e != nil {
		add("SABERTOOTH", mockfm.DiskError, mockfm.Fault{Op: e.Op, Nth: e.Nth, Errno: e.Errno})
	}
}

// flash is the disk that the fetcher stands on.
func (o Overlap) flash() flash.Spec {
	s, err := flash.Preset("emmc")
	if err != nil {
		panic(err) // our own preset
	}
	if o.Disk.Rate > 0 {
		s.Write, s.SyncMax = o.Disk.Rate, o.Disk.Sync
	}
	return s
}

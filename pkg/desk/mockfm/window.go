package mockfm

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/desk/sandbox"
	"payload-ipc/pkg/ground/tasking"
)

// Directories of one payload under State.
func (m *Mock) rootDir(w *window) string {
	return filepath.Join(m.cfg.State, "payloads", w.satellite, w.payload.name, "root")
}

// systemDir holds what is mounted read-only, where mounting is possible.
func (m *Mock) systemDir(w *window) string {
	if m.box.Kind() == "plain" {
		return m.rootDir(w)
	}
	return filepath.Join(m.cfg.State, "payloads", w.satellite, w.payload.name, "system")
}

// runWindow is the life of one window, from power on to downlink.
func (m *Mock) runWindow(ctx context.Context, w *window) {
	o := m.playWindow(ctx, w)
	said := o.String()
	if err := m.collect(w); err != nil {
		said += fmt.Sprintf("; outbox not collected: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w.phase, w.outcome = over, said
	m.open--
	e := w.event(Closed, " window %s closed: %s", w.id, said)
	e.Outcome = o
	m.tell(e)
	m.wake()
}

// playWindow runs the program until the window's end and says what became of
// it.
func (m *Mock) playWindow(ctx context.Context, w *window) sandbox.Outcome {
	b, err := m.furnish(w)
	if err != nil {
		return sandbox.Outcome{End: sandbox.Refused, Why: err.Error()}
	}
	ctx, cancel := context.WithDeadline(ctx, time.Now().Add(w.end.Sub(m.clock.now())))
	defer cancel()
	var cuts []*Fault
	for _, f := range m.takeFaults(w.payload.name) {
		m.tell(w.event(Faulted, " window %s: fault %s", w.id, f))
		var err error
		switch f.Kind {
		case Absent:
			err = m.standIn(w, &b, f.Program, "", 0o644)
		case Says:
			err = m.standIn(w, &b, f.Program, "#!/bin/sh\nprintf '%s\\n' '"+strings.ReplaceAll(f.Text, "'", `'\''`)+"'\n", 0o755)
		case ReadOnly:
			b.ReadOnly = append(b.ReadOnly, f.Dir)
		case Address:
			b.Addrs = []string{f.Addr}
		case ClockUnset:
			b.Clock = -time.Since(time.Unix(0, 0))
		case ClockStep:
			b.Steps = append(b.Steps, sandbox.Step{At: f.At, By: f.By})
		case DiskFull:
			b.Outbox = f.Size
		case DiskSlow:
			f.slow(b.Disk)
		case DiskError:
			b.Disk.Errors = append(b.Disk.Errors, flash.Error{Op: f.Op, Nth: f.Nth, Errno: f.Errno})
		default:
			cuts = append(cuts, f)
		}
		if err != nil {
			return sandbox.Outcome{End: sandbox.Refused, Why: err.Error()}
		}
	}
	m.tell(w.event(Opened, " window %s opens: %s %s", w.id, b.Program, tasking.HideKeys(fmt.Sprintf("%q", shown(b.Args)))))
	opened := time.Now()
	if err := m.box.Open(b); err != nil {
		// The time passes all the same.
		<-ctx.Done()
		return sandbox.Outcome{End: sandbox.Refused, Why: err.Error()}
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		if w.payload.name == "SDR" {
			m.syslogOf(w).write(ctx)
		}
	}()
	m.playCuts(ctx, w, cuts, opened)
	o := m.box.Close(b.ID)
	cancel()
	<-logged
	return o
}

// playCuts waits for the window's end while cable and power fail as asked.
func (m *Mock) playCuts(ctx context.Context, w *window, cuts []*Fault, opened time.Time) {
	type turn struct {
		at time.Duration
		do func()
	}
	var turns []turn
	cut, stop := context.WithCancel(ctx)
	defer stop()
	for _, f := range cuts {
		switch f.Kind {
		case LinkCut:
			turns = append(turns, turn{f.At, func() { m.plug(w, false) }})
			if f.For > 0 {
				turns = append(turns, turn{f.At + f.For, func() { m.plug(w, true) }})
			}
		case PowerCut:
			turns = append(turns, turn{f.At, func() {
				m.tell(w.event(PowerLost, ": power cut"))
				if err := m.box.Cut(w.id); err != nil {
					m.note("%s %s: power cut: %v", w.satellite, w.payload.name, err)
				}
			}})
		}
	}
	for len(turns) > 0 {
		first := 0
		for i := range turns {
			if turns[i].at < turns[first].at {
				first = i
			}
		}
		t := turns[first]
		turns = append(turns[:first], turns[first+1:]...)
		select {
		case <-cut.Done():
			return
		case <-time.After(time.Until(opened.Add(t.at))):
			t.do()
		}
	}
	<-cut.Done()
}

func (m *Mock) plug(w *window, up bool) {
	what, said := Unplugged, "cable pulled"
	if up {
		what, said = Plugged, "cable plugged"
	}
	m.tell(w.event(what, ": %s%s", said, reason(m.box.Link(w.id, up))))
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

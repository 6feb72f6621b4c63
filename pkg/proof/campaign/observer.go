package campaign

import (
	"fmt"
	"path/filepath"
	"time"

	"payload-ipc/pkg/desk/mockfm"
	"payload-ipc/pkg/desk/sandbox"
	"payload-ipc/pkg/flight/window"
)

// An observer notes the times of what a Mock tells while one overlap is played.
type observer struct {
	f      *overlapResult
	first  chan struct{} // closed when a window opens
	over   chan struct{} // closed when both have closed
	opened bool
	closed int
	on     map[string]bool   // payloads that are on with their cable plugged
	since  time.Time         // both
	window map[string]string // ids, by payload
	began  time.Time
	mono   int64 // CLOCK_MONOTONIC at began
}

func newObserver(f *overlapResult) *observer {
	return &observer{f: f, first: make(chan struct{}), over: make(chan struct{}), on: map[string]bool{}, window: map[string]string{}, began: time.Now(), mono: mono()}
}

func (o *observer) hear(now time.Time, e mockfm.Event) {
	switch e.What {
	case mockfm.Opened:
		if !o.opened {
			o.opened = true
			close(o.first)
		}
		o.window[e.Payload] = e.Window
		o.plug(now, e.Payload, true)
		if e.Payload == "SABERTOOTH" {
			o.f.opened = now
		}
	case mockfm.Closed:
		o.plug(now, e.Payload, false)
		if o.closed++; o.closed == 2 {
			close(o.over)
		}
		if e.Payload == "SABERTOOTH" {
			o.f.closed, o.f.ended = now, e.Outcome
		} else {
			o.f.serverSyncs = e.Outcome.Syncs
		}
	case mockfm.PowerLost, mockfm.Unplugged:
		o.plug(now, e.Payload, false)
	case mockfm.Plugged:
		o.plug(now, e.Payload, true)
	}
}

func (o *observer) plug(now time.Time, name string, up bool) {
	both := o.on["SDR"] && o.on["SABERTOOTH"]
	o.on[name] = up
	switch is := o.on["SDR"] && o.on["SABERTOOTH"]; {
	case is && !both:
		o.since = now
	case both && !is:
		o.f.linked = append(o.f.linked, [2]time.Time{o.since, now})
	}
}

// notes are what the supervisor of a payload told.
func (o *observer) notes(dir, payloadName string) []note {
	return readNotes(filepath.Join(dir, "state/windows", o.window[payloadName], "stdout"))
}

// notes completes f with what the aides wrote down.
func (p *pass) notes(f *overlapResult, o *observer) {
	at := func(n note) time.Time { return o.began.Add(time.Duration(n.At - o.mono)) }
	f.deadline = f.opened.Add(f.Fetch.For)
	sdrOpened := f.opened.Add(f.SDR.At - f.Fetch.At)
	f.serverGone = sdrOpened.Add(f.SDR.For - window.Margin)
	var up time.Time
	for _, n := range o.notes(p.dir, "SDR") {
		fmt.Fprintf(&p.story, "%s server %s %d\n", at(n).Format("05.000"), n.What, n.Exit)
		switch n.What {
		case "up":
			up = at(n)
		case "down":
			f.up = append(f.up, [2]time.Time{up, at(n)})
			up = time.Time{}
		case "exit":
			f.serverLate = at(n).Sub(f.serverGone)
		}
	}
	if !up.IsZero() {
		f.up = append(f.up, [2]time.Time{up, f.closed.Add(time.Minute)})
		f.serverLate = 0
		if p.honest { // its payload went dark while it still ran
			f.serverLate = window.Margin
		}
	}
	f.killed = f.ended.End == sandbox.Lost
	switch gone := f.deadline.Add(-window.Margin); f.ended.End {
	case sandbox.Killed:
		f.fetchLate = f.closed.Sub(gone)
	case sandbox.Exited:
		f.fetchLate = f.opened.Add(f.ended.After).Sub(gone)
	}
	if f.Kill > 0 {
		for _, n := range o.notes(p.dir, "SABERTOOTH") {
			fmt.Fprintf(&p.story, "%s fetcher %s %d\n", at(n).Format("05.000"), n.What, n.Exit)
			if n.What == "exit" {
				f.exit = n.Exit
				f.killed = n.Exit < 0
			}
		}
		return
	}
	if f.ended.End == sandbox.Exited {
		f.exit = f.ended.Exit
	}
}

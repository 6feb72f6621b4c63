package campaign

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ears pick times out of what a Mock tells while one overlap is played.
type ears struct {
	f      *flown
	first  chan struct{} // closed when a window opens
	over   chan struct{} // closed when both have closed
	opened bool
	closed int
	on     map[string]bool // payloads that are on with their cable plugged
	since  time.Time       // both
	began  time.Time
	mono   int64 // CLOCK_MONOTONIC at began
}

func newEars(f *flown) *ears {
	return &ears{f: f, first: make(chan struct{}), over: make(chan struct{}), on: map[string]bool{}, began: time.Now(), mono: mono()}
}

func (e *ears) hear(now time.Time, line string) {
	_, line, _ = strings.Cut(line, " FM1 ")
	name, rest, _ := strings.Cut(line, " ")
	name = strings.TrimSuffix(name, ":")
	switch {
	case strings.Contains(rest, " opens: "):
		if !e.opened {
			e.opened = true
			close(e.first)
		}
		e.plug(now, name, true)
		if name == "SABERTOOTH" {
			e.f.opened = now
		}
	case strings.Contains(rest, " closed: "):
		e.plug(now, name, false)
		if e.closed++; e.closed == 2 {
			close(e.over)
		}
		if name == "SABERTOOTH" {
			e.f.closed = now
			_, e.f.ended, _ = strings.Cut(rest, " closed: ")
		}
	case strings.HasPrefix(rest, "power cut"):
		e.plug(now, name, false)
	case strings.HasPrefix(rest, "link up "):
		e.plug(now, name, rest == "link up true")
	}
}

func (e *ears) plug(now time.Time, name string, up bool) {
	both := e.on["SDR"] && e.on["SABERTOOTH"]
	e.on[name] = up
	switch is := e.on["SDR"] && e.on["SABERTOOTH"]; {
	case is && !both:
		e.since = now
	case both && !is:
		e.f.linked = append(e.f.linked, [2]time.Time{e.since, now})
	}
}

func (e *ears) noteFiles(dir string) []string {
	state := filepath.Join(dir, "state")
	return []string{filepath.Join(payload(state, "SDR"), "persist/notes"), filepath.Join(payload(state, "SABERTOOTH"), "persist/notes")}
}

var exitWord = regexp.MustCompile(`exit (\d+) after ([0-9.]+) s`)

// notes completes f with what the aides wrote down.
func (p *pass) notes(f *flown, e *ears) {
	at := func(n note) time.Time { return e.began.Add(time.Duration(n.At - e.mono)) }
	files := e.noteFiles(p.dir)
	f.deadline = f.opened.Add(f.Fetch.For - slack)
	sdrOpened := f.opened.Add(f.SDR.At - f.Fetch.At)
	var up time.Time
	for _, n := range readNotes(files[0]) {
		fmt.Fprintf(&p.story, "%s server %s %d\n", at(n).Format("05.000"), n.What, n.Exit)
		switch n.What {
		case "up":
			up = at(n)
		case "down":
			f.up = append(f.up, [2]time.Time{up, at(n)})
			up = time.Time{}
		case "exit":
			f.serverLate = at(n).Sub(sdrOpened.Add(f.SDR.For - slack))
		}
	}
	if !up.IsZero() {
		f.up = append(f.up, [2]time.Time{up, f.closed.Add(time.Minute)})
		f.serverLate = 0
		if p.honest { // its payload went dark while it still ran
			f.serverLate = slack
		}
	}
	f.killed = f.Power > 0 && strings.Contains(f.ended, "power cut")
	if f.Kill > 0 {
		for _, n := range readNotes(files[1]) {
			fmt.Fprintf(&p.story, "%s fetcher %s %d\n", at(n).Format("05.000"), n.What, n.Exit)
			if n.What == "exit" {
				f.exit = n.Exit
				f.killed = n.Exit < 0
			}
		}
		return
	}
	if m := exitWord.FindStringSubmatch(f.ended); m != nil {
		f.exit, _ = strconv.Atoi(m[1])
	}
}

package main

import (
	"strings"
	"time"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// steps of an upload on its bar; states that nobody documented stay in between.
var steps = map[string]int64{"PENDING": 0, "UPLOADING": 1, "UPLOADED": 2}

// bars draws an upload by its state and a window by its time, which goes on
// between two answers.
type bars struct {
	io     *stdio
	screen *screen
	all    []deploy.Status
	asked  time.Time       // by this computer's clock
	told   map[string]bool // said once: what a run is about, warnings
	ended  bool
}

func newBars(io *stdio) *bars {
	return &bars{io: io, screen: &screen{w: io.out}, told: map[string]bool{}}
}

func (b *bars) update(all []deploy.Status) {
	b.all, b.asked = all, time.Now()
	once := func(s deploy.Status, text string) {
		if !b.told[s.Satellite+text] {
			b.told[s.Satellite+text] = true
			b.say(s.Satellite + " " + text)
		}
	}
	for _, s := range all {
		for _, w := range s.Windows {
			if w.Run != "" && !w.Over(s.Now) {
				once(s, pairOf(s, w.Run))
			}
		}
		for _, x := range s.Warnings {
			once(s, "warning: "+x)
		}
	}
	b.tick()
}

func (b *bars) say(text string) {
	b.screen.print(strings.Join(plan.Fold(text, columns(b.io.out)-1, 2), "\n"))
}

func (b *bars) end() {
	if !b.ended {
		b.ended = true
		b.tick()
	}
}

func (b *bars) tick() {
	since := time.Since(b.asked)
	var going, over []row // what is over comes last, and is left out first
	for _, s := range b.all {
		now := s.Now.Add(since)
		for _, u := range s.Uploads {
			done, known := steps[u.Status]
			if !known {
				done = 1
			}
			name := u.Destination[strings.LastIndexByte(u.Destination, '/')+1:]
			long := strings.TrimSpace(u.Status + " " + expectation(u))
			r := row{[]string{s.Satellite + " " + u.Destination, s.Satellite + " " + name}, []string{long, strings.Replace(long, "expected by", "by", 1)}, done, 2}
			if u.Through() {
				over = append(over, r)
			} else {
				going = append(going, r)
			}
		}
		for _, w := range s.Windows {
			total := int64(w.End.Sub(w.Start) / time.Second)
			at := s.Satellite + " " + w.Start.UTC().Format("2 Jan 15:04Z") + " "
			r := row{[]string{at + w.Type + " " + w.ID, at + strings.TrimPrefix(w.Type, "PAYLOAD_")}, []string{w.State + " " + when(w, now)},
				min(total, max(0, int64(now.Sub(w.Start)/time.Second))), total}
			if w.Over(now) {
				over = append(over, r)
			} else {
				going = append(going, r)
			}
		}
	}
	b.screen.draw(layout(append(going, over...), columns(b.io.out), 30))
}

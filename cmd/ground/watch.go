package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// follow asks again and again until everything is up and over: bars on a
// terminal, a line for each change in a pipe, with json a document per change.
func follow(ctx context.Context, io stdio, ask func() ([]deploy.Status, error), every time.Duration, json bool) int {
	show, end := lines(io), func() {}
	if drawable(io.out) && !json {
		show, end = bars(io)
	}
	if json {
		show = func(all []deploy.Status) { printJSON(io, all) }
	}
	defer end()
	for {
		all, err := ask()
		if err != nil && ctx.Err() == nil {
			end()
			return fail(io, "status", err)
		}
		over := err == nil
		for _, s := range all {
			if s.Err != nil && ctx.Err() == nil {
				end()
				return fail(io, "status", fmt.Errorf("%s: %w", s.Satellite, s.Err))
			}
			over = over && through(s)
		}
		if ctx.Err() != nil {
			return deploy.Done
		}
		show(all)
		if over {
			return deploy.Done
		}
		select {
		case <-ctx.Done():
			return deploy.Done // stopping to watch is no failure
		case <-time.After(every):
		}
	}
}

func through(s deploy.Status) bool {
	for _, u := range s.Uploads {
		if !u.Through() {
			return false
		}
	}
	for _, w := range s.Windows {
		if !w.Over(s.Now) {
			return false
		}
	}
	return true
}

// lines prints each item when it changes, and only then.
func lines(io stdio) func([]deploy.Status) {
	last := map[string]string{}
	return func(all []deploy.Status) {
		for _, s := range all {
			say := func(key, now, extra string) {
				if last[key] != now {
					line := fmt.Sprintf("%s %s %s %s %s", s.Now.Format(time.RFC3339), s.Satellite, key, now, extra)
					fmt.Fprintln(io.out, strings.TrimRight(line, " "))
					last[key] = now
				}
			}
			for _, u := range s.Uploads {
				say("upload "+u.Payload+" "+u.Destination, u.Status, expectation(u))
			}
			for _, w := range s.Windows {
				phase := "waits"
				if !w.Start.After(s.Now) {
					phase = "open"
				}
				if !w.End.After(s.Now) {
					phase = "over"
				}
				say("window "+w.ID+" "+w.Type, w.State+" "+phase, "("+plan.Stamp(w.Start)+")")
			}
			if len(s.Uploads)+len(s.Windows) == 0 {
				say("satellite", "has nothing uploaded or scheduled", "")
			}
		}
	}
}

// steps of an upload on its bar; states that nobody documented stay in between.
var steps = map[string]int64{"PENDING": 0, "UPLOADING": 1, "UPLOADED": 2}

// bars draws an upload by its state and a window by its time.
func bars(io stdio) (show func([]deploy.Status), end func()) {
	screen, hide := bare(io.out)
	p := mpb.New(mpb.WithOutput(screen), mpb.WithWidth(30))
	type item struct {
		bar  *mpb.Bar
		text atomic.Pointer[string] // read while it is drawn
	}
	items := map[string]*item{}
	set := func(key, name string, done, total int64, text string) {
		name, text = hide(name), hide(text)
		it := items[key]
		if it == nil {
			it = &item{}
			it.text.Store(&text)
			it.bar = p.AddBar(0,
				mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)),
				mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + *it.text.Load() })))
			items[key] = it
		}
		it.text.Store(&text)
		it.bar.SetTotal(total, false)
		it.bar.SetCurrent(done)
		if done >= total {
			it.bar.SetTotal(total, true)
		}
	}
	show = func(all []deploy.Status) {
		for _, s := range all {
			for _, u := range s.Uploads {
				done, known := steps[u.Status]
				if !known {
					done = 1
				}
				set("u"+u.ID, s.Satellite+" "+u.Destination, done, 2, u.Status+" "+expectation(u))
			}
			for _, w := range s.Windows {
				total := int64(w.End.Sub(w.Start) / time.Second)
				done := min(total, max(0, int64(s.Now.Sub(w.Start)/time.Second)))
				set("w"+w.ID, s.Satellite+" "+w.Type+" "+w.ID, done, total, w.State+" "+when(w, s.Now))
			}
		}
	}
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		for _, it := range items {
			if !it.bar.Completed() {
				it.bar.Abort(false)
			}
		}
		p.Wait()
	}
	return show, end
}

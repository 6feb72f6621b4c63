package main

import (
	"fmt"
	"sync"
	"time"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// progressPrinter prints what happens: on a terminal a bar for each upload and
// lines above them, in a pipe lines only. end must be called before anything
// else is printed. With quiet, for JSON, it goes to stderr all the same.
func progressPrinter(io *stdio, quiet bool) (tell func(deploy.Event), end func()) {
	out := io.out
	if quiet {
		out = io.err
	}
	var mu sync.Mutex
	if !io.drawable(out) {
		return func(e deploy.Event) {
			if e.Total == 0 {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(out, "%s: %s\n", e.Satellite, e.Text)
			}
		}, func() {}
	}
	s := &screen{w: out}
	var bars []row
	known := map[string]int{}
	var last time.Time
	return func(e deploy.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Total == 0 {
				s.print(folded(out, e.Satellite+": "+e.Text))
				return
			}
			name := e.Satellite + " " + e.What
			i, ok := known[name]
			if !ok {
				i, known[name] = len(bars), len(bars)
				bars = append(bars, row{})
			}
			bars[i] = row{[]string{name}, []string{
				fmt.Sprintf("%s of %s bytes", plan.Grouped(e.Moved), plan.Grouped(e.Total)),
				fmt.Sprintf("%s of %s", plan.Bytes(e.Moved), plan.Bytes(e.Total)),
			}, e.Moved, e.Total}
			if e.Moved == e.Total || time.Since(last) > 100*time.Millisecond {
				last = time.Now()
				s.draw(layout(bars, columns(out), 40))
			}
		}, func() {
			mu.Lock()
			defer mu.Unlock()
			if len(bars) > 0 {
				s.draw(layout(bars, columns(out), 40))
			}
		}
}

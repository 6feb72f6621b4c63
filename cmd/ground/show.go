package main

import (
	"fmt"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// teller prints what happens: on a terminal a bar for each upload and lines
// above them, in a pipe lines only. end must be called before anything else is
// printed. With quiet, for JSON, it goes to stderr all the same.
func teller(io stdio, quiet bool) (tell func(deploy.Event), end func()) {
	out := io.out
	if quiet {
		out = io.err
	}
	if !drawable(out) {
		var mu sync.Mutex
		return func(e deploy.Event) {
			if e.Total == 0 {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(out, "%s: %s\n", e.Satellite, e.Text)
			}
		}, func() {}
	}
	screen, hide := bare(out)
	bars := mpb.New(mpb.WithOutput(screen), mpb.WithWidth(40))
	var mu sync.Mutex
	known := map[string]*mpb.Bar{}
	return func(e deploy.Event) {
			if e.Total == 0 {
				fmt.Fprintf(bars, "%s: %s\n", e.Satellite, hide(e.Text))
				return
			}
			mu.Lock()
			defer mu.Unlock()
			key := e.Satellite + " " + e.What
			b := known[key]
			if b == nil {
				b = bars.AddBar(e.Total,
					mpb.PrependDecorators(decor.Name(key+" ", decor.WCSyncSpaceR)),
					mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
						return fmt.Sprintf(" %s of %s bytes", plan.Grouped(s.Current), plan.Grouped(s.Total))
					})))
				known[key] = b
			}
			b.SetCurrent(e.Moved)
		}, func() {
			for _, b := range known {
				if !b.Completed() {
					b.Abort(false)
				}
			}
			bars.Wait()
		}
}

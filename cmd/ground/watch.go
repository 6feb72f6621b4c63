package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// A watch follows satellites until everything is up and over. It is meant for
// days: an API that is away is told of, and asked again.
type watch struct {
	io     *stdio
	ask    func(context.Context) ([]deploy.Status, error)
	every  time.Duration
	show   view
	then   string // a command that gets the outcome; "" for none
	json   bool   // nothing but documents on stdout
	bucket string // where the files come down; "" where that is not known

	seen    map[string]*watched
	order   []string
	away    time.Time // since when the API does not answer
	started time.Time // by the API's clock
}

// watched is one item and what was last said of it.
type watched struct {
	satellite string
	window    deploy.WindowStatus
	upload    deploy.UploadStatus
	isWindow  bool
	listed    bool
	ours      bool // counts for the exit code
	cancelled bool
}

// view shows what a watch finds.
type view interface {
	update(all []deploy.Status) // something may be new
	tick()                      // a second has passed
	say(text string)            // one line
	end()
}

// follow ends with the exit code of what it watched: 1 if a window of ours or
// an upload failed, or the user stopped it, 5 if windows were cancelled.
func (w *watch) follow(ctx context.Context) int {
	defer w.show.end()
	w.seen = map[string]*watched{}
	type answer struct {
		all []deploy.Status
		err error
	}
	answers := make(chan answer, 1)
	poll := func() {
		all, err := w.ask(ctx)
		answers <- answer{all, err}
	}
	go poll()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			w.show.end()
			return fail(w.io, "status", errors.New("interrupted; it goes on without being watched"), w.json)
		case <-second.C:
			w.show.tick()
		case <-again.C:
			go poll()
		case a := <-answers:
			if ctx.Err() != nil {
				continue
			}
			if code, ended := w.take(ctx, a.all, a.err); ended {
				return code
			}
			again.Reset(w.every)
		}
	}
}

// take judges one answer; ended if there is nothing more to wait for.
func (w *watch) take(ctx context.Context, all []deploy.Status, err error) (code int, ended bool) {
	for _, s := range all {
		if err == nil && s.Err != nil {
			err = fmt.Errorf("%s: %w", s.Satellite, s.Err)
		}
	}
	if err != nil {
		if tasking.Refused(err) {
			w.show.end()
			return fail(w.io, "status", err, w.json), true
		}
		if w.away.IsZero() {
			w.away = time.Now()
			w.show.say(fmt.Sprintf("the API does not answer: %v; asking again every %s", err, plan.Span(max(w.every, time.Second))))
		}
		return 0, false
	}
	if !w.away.IsZero() {
		w.show.say("the API answers again, after " + plan.Span(time.Since(w.away)))
		w.away = time.Time{}
	}
	gone := w.note(all)
	w.show.update(all)
	for _, g := range gone {
		w.show.say(g)
	}
	if !slices.ContainsFunc(all, func(s deploy.Status) bool { return !through(s) }) {
		w.show.end()
		return w.finish(ctx, all), true
	}
	return 0, false
}

// note remembers what is listed, and says what no longer is.
func (w *watch) note(all []deploy.Status) (gone []string) {
	for _, it := range w.seen {
		it.listed = false
	}
	first := w.started.IsZero()
	now := map[string]time.Time{}
	for _, s := range all {
		now[s.Satellite] = s.Now
		if first {
			w.started = s.Now
		}
		put := func(key string, it watched, over bool) {
			old := w.seen[key]
			if old == nil {
				it.ours = it.ours && !(first && over)
				old = &it
				w.seen[key] = old
				w.order = append(w.order, key)
			}
			old.window, old.upload, old.listed, old.cancelled = it.window, it.upload, true, false
		}
		for _, u := range s.Uploads {
			put(s.Satellite+" u"+u.ID, watched{satellite: s.Satellite, upload: u, ours: true}, u.Through())
		}
		for _, x := range s.Windows {
			put(s.Satellite+" w"+x.ID, watched{satellite: s.Satellite, window: x, isWindow: true, ours: x.Ours}, !x.End.After(s.Now))
		}
	}
	for _, key := range w.order {
		it := w.seen[key]
		if it.listed || it.cancelled || !it.isWindow || it.window.Over(now[it.satellite]) {
			continue
		}
		it.cancelled = true
		gone = append(gone, fmt.Sprintf("%s %s window %s %s is no longer listed: cancelled before its end (%s)", now[it.satellite].Format(time.RFC3339),
			it.satellite, it.window.ID, it.window.Type, plan.Stamp(it.window.End)))
	}
	return gone
}

func through(s deploy.Status) bool {
	return !slices.ContainsFunc(s.Uploads, func(u deploy.UploadStatus) bool { return !u.Through() }) &&
		!slices.ContainsFunc(s.Windows, func(x deploy.WindowStatus) bool { return !x.Over(s.Now) })
}

// documents prints each answer as JSON.
type documents struct{ io *stdio }

func (d documents) update(all []deploy.Status) { printJSON(d.io, reported(all)) }
func (d documents) say(text string)            { fmt.Fprintln(d.io.err, text) }
func (documents) tick()                        {}
func (documents) end()                         {}

// lines prints each item when it changes, and only then.
type lines struct {
	io   *stdio
	last map[string]string
}

func (l *lines) say(text string) { fmt.Fprintln(l.io.out, text) }
func (*lines) tick()             {}
func (*lines) end()              {}

func (l *lines) update(all []deploy.Status) {
	for _, s := range all {
		say := func(key, now, extra string) {
			if l.last[s.Satellite+key] != now {
				line := fmt.Sprintf("%s %s %s %s %s", s.Now.Format(time.RFC3339), s.Satellite, key, now, extra)
				fmt.Fprintln(l.io.out, strings.TrimRight(line, " "))
				l.last[s.Satellite+key] = now
			}
		}
		for _, u := range s.Uploads {
			say("upload "+u.Payload+" "+u.Destination, u.Status, expectation(u))
		}
		for _, w := range s.Windows {
			of := ""
			if w.Run != "" {
				of = ", run " + w.Run
			}
			if len(w.Brings) > 0 {
				of += ", brings " + plan.List(w.Brings)
			}
			say("window "+w.ID+" "+w.Type, w.State+" "+string(w.Phase(s.Now)), "("+plan.Stamp(w.Start)+of+")")
		}
		for _, x := range s.Warnings {
			say("warning:", x, "")
		}
		if len(s.Uploads)+len(s.Windows) == 0 {
			say("satellite", "has nothing uploaded or scheduled", "")
		}
	}
}

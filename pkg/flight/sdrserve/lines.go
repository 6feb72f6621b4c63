package sdrserve

import (
	"sync"
	"time"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/serve"
	"payload-ipc/pkg/flight/window"
)

// The log is downlinked, and on the same disk as everything else: a flood of
// requests gets burst lines at once and then one each interval. What is left
// out is counted.
const (
	burst    = 200
	interval = 500 * time.Millisecond

	maxText = 256 // bytes of a path or a range in one line
)

// lines writes one line of log for each event that matters.
type lines struct {
	log    *agent.Log
	window *window.Window

	mu      sync.Mutex
	credit  time.Duration // of lines, at interval each
	last    time.Duration // elapsed when credit was counted
	omitted int64         // since the last line
	all     int64
}

func newLines(log *agent.Log, w *window.Window) *lines {
	return &lines{log: log, window: w, credit: burst * interval}
}

// event is serve.Server.Events.
func (l *lines) event(e serve.Event) {
	ok, omitted := l.take()
	if !ok {
		return
	}
	if omitted > 0 {
		l.log.Warn().Int64("omitted", omitted).Msg("lines left out")
	}
	line := l.log.Info()
	message := "request"
	switch {
	case e.Kind == serve.Broken:
		line, message = l.log.Error(), "fault"
	case e.Kind == serve.Refused:
		line, message = l.log.Warn(), "refused"
	case e.Kind == serve.Cut:
		line, message = l.log.Warn(), "cut"
	case e.Status >= 400:
		line = l.log.Warn()
	}
	if e.Peer.IsValid() {
		line.Str("peer", e.Peer.String())
	}
	if e.Method != "" {
		line.Str("method", text(e.Method))
	}
	if e.Path != "" {
		line.Str("path", text(string(http1.AppendEscaped(nil, e.Path))))
	}
	if e.Range != "" {
		line.Str("range", text(e.Range))
	}
	if e.Status != 0 {
		line.Int("status", e.Status)
	}
	if e.Kind == serve.Answered || e.Kind == serve.Cut {
		line.Int64("bytes", e.Bytes).Float64("seconds", float64(e.Took.Milliseconds())/1000)
	}
	switch e.Kind {
	case serve.Answered:
		line.Bool("complete", true)
	case serve.Cut:
		line.Int64("cut_at", e.At)
	}
	if e.Err != "" {
		line.Str("error", text(e.Err))
	}
	line.Msg(message)
}

// take reports whether a line may be written now, and how many were left out
// before it.
func (l *lines) take() (ok bool, omitted int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.window.Elapsed()
	l.credit = min(l.credit+now-l.last, burst*interval)
	l.last = now
	if l.credit < interval {
		l.omitted++
		l.all++
		return false, 0
	}
	l.credit -= interval
	omitted, l.omitted = l.omitted, 0
	return true, omitted
}

// left returns how many lines were left out in all.
func (l *lines) left() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// text is s, cut to what a line has room for, and safe to print.
func text(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return agent.Safe(s)
}

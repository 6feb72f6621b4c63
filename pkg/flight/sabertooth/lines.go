package sabertooth

import (
	"io"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"payload-ipc/pkg/flight/agent"
	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/flight/window"

	"github.com/rs/zerolog"
)

// lines makes log lines of events. While the peer is not there, the same
// failure comes ten times a second: only a change of it is told at once.
type lines struct {
	log  *agent.Log
	w    *window.Window
	tty  io.Writer // nil if stderr is no terminal
	bar  bool      // there is a progress line on it
	seen map[string]*failure
}

// A failure is one class of failures of one candidate.
type failure struct {
	at   time.Time // when it was told last
	more int64     // how often it came since
}

const repeatEvery = 5 * time.Second

func newLines(log *agent.Log, w *window.Window, stderr io.Writer) *lines {
	l := &lines{log: log, w: w, seen: map[string]*failure{}}
	if f, ok := stderr.(*os.File); ok && terminal(f) {
		l.tty = f
	}
	return l
}

func terminal(f *os.File) bool {
	var t syscall.Termios
	_, _, no := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TCGETS, uintptr(unsafe.Pointer(&t)))
	return no == 0
}

func (l *lines) event(e fetch.Event) {
	if e.Kind == fetch.Progress {
		l.progress(e)
		return
	}
	level, msg, repeated := zerolog.InfoLevel, "", int64(0)
	switch e.Kind {
	case fetch.Trying:
		level, msg = zerolog.DebugLevel, "trying"
	case fetch.Answered:
		level, msg = zerolog.DebugLevel, "answered"
	case fetch.Waiting:
		level, msg = zerolog.DebugLevel, "waiting"
	case fetch.Failed:
		level, msg = zerolog.WarnLevel, "attempt failed"
		if repeated = l.repeated(e.From, e.Class); repeated < 0 {
			level = zerolog.DebugLevel
		}
	case fetch.BadPiece:
		level, msg = zerolog.WarnLevel, "a piece does not match its digest, asking for it again"
	case fetch.Resuming:
		msg = "an earlier run left a part"
	case fetch.Changed:
		level, msg = zerolog.WarnLevel, "the file changed on the peer"
	case fetch.Refused:
		level, msg = zerolog.ErrorLevel, "given up"
	case fetch.Listed:
		msg = "directory listed"
	case fetch.DiskError:
		level, msg = zerolog.ErrorLevel, "disk error"
	case fetch.Ending:
		level, msg = zerolog.DebugLevel, "publishing what there is"
	case fetch.Published:
		msg = "published"
	case fetch.Receipted:
		msg = "receipt"
	}
	l.clear()
	ev := l.log.WithLevel(level)
	if e.Path != "" {
		ev = ev.Str("path", agent.Safe(e.Path))
	}
	if e.Name != "" {
		ev = ev.Str("name", agent.Safe(e.Name))
	}
	if e.From.IsValid() {
		ev = ev.Str("from", e.From.String())
	}
	if e.Class != "" {
		ev = ev.Str("class", e.Class)
	}
	if e.Kind == fetch.Answered {
		ev = ev.Int("status", e.Status)
	}
	if e.Done != 0 || e.Kind == fetch.Published {
		ev = ev.Int64("bytes", e.Done)
	}
	if e.Total > 0 {
		ev = ev.Int64("total", e.Total)
	}
	if e.Kind == fetch.Waiting {
		ev = ev.Int64("ms", e.Wait.Milliseconds())
	}
	switch {
	case e.Kind == fetch.Receipted:
		ev = ev.Str("reason", agent.Safe(e.Err.Error())).Int("exit", e.Status)
	case e.Err != nil:
		ev = ev.Str("error", agent.Safe(e.Err.Error()))
	}
	if repeated > 0 {
		ev = ev.Int64("repeated", repeated)
	}
	ev.Msg(msg)
}

// repeated is how often the same failure came since it was told last, and
// counts this one; -1 if that was a moment ago.
func (l *lines) repeated(from netip.AddrPort, class string) int64 {
	now := l.w.Mono()
	key := from.String() + class
	f := l.seen[key]
	if f == nil {
		l.seen[key] = &failure{at: now}
		return 0
	}
	if f.more++; now.Sub(f.at) < repeatEvery {
		return -1
	}
	n := f.more
	f.at, f.more = now, 0
	return n
}

// progress rewrites one line of the terminal.
func (l *lines) progress(e fetch.Event) {
	if l.tty == nil {
		return
	}
	s := "\r\x1b[K" + agent.Safe(e.Path) + " " + strconv.FormatInt(e.Done, 10)
	if e.Total > 0 {
		s += " of " + strconv.FormatInt(e.Total, 10) + " bytes, " + strconv.FormatInt(e.Done*100/e.Total, 10) + " %"
	}
	io.WriteString(l.tty, s)
	l.bar = true
}

func (l *lines) clear() {
	if l.bar {
		l.bar = false
		io.WriteString(l.tty, "\r\x1b[K")
	}
}

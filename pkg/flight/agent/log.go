package agent

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"payload-ipc/pkg/flight/window"

	"github.com/rs/zerolog"
)

// syncEvery is how often a log that was written to is synced. At the end of
// the window power goes, and what the kernel still holds goes with it.
const syncEvery = time.Second

// The last sync is given what the slowest took and syncSpare, but no more than
// syncMost: a stall is not a rate, and each second of a window is dear.
const (
	syncSpare = 200 * time.Millisecond
	syncMost  = 700 * time.Millisecond
)

// A Log writes JSON lines to stderr and to a file. A file that cannot be
// written is told once on stderr and never stops the work. A crash of the
// program leaves its stack trace in the file.
type Log struct {
	zerolog.Logger

	std  io.Writer
	w    *window.Window
	stop chan struct{}
	done chan struct{}

	mu     sync.Mutex
	file   *os.File      // nil for none, or after it failed
	dirty  bool          // written to since the last sync
	took   time.Duration // the last sync
	failed bool

	closing atomic.Int64 // a time.Duration; see Closing
}

// defaultLog is /outbox/NAME.log where there is an outbox, else none.
func defaultLog(name string) string {
	const outbox = "/outbox"
	if fi, err := os.Stat(outbox); err != nil || !fi.IsDir() {
		return "-"
	}
	return outbox + "/" + name + ".log"
}

func parseLevel(s string) (zerolog.Level, error) {
	switch s {
	case "debug":
		return zerolog.DebugLevel, nil
	case "info":
		return zerolog.InfoLevel, nil
	case "warn":
		return zerolog.WarnLevel, nil
	case "error":
		return zerolog.ErrorLevel, nil
	}
	return 0, errors.New("--log-level: want debug, info, warn or error, got " + strconv.Quote(s))
}

func openLog(path, level string, std io.Writer, w *window.Window) *Log {
	l := &Log{std: std, w: w, stop: make(chan struct{}), done: make(chan struct{})}
	lvl, _ := parseLevel(level) // an unknown level was refused, or logs everything
	stamp := func(e *zerolog.Event, _ zerolog.Level, _ string) {
		e.Str("time", w.Now().Format("2006-01-02T15:04:05.000Z"))
	}
	l.Logger = zerolog.New(l).Level(lvl).Hook(zerolog.HookFunc(stamp))
	if path != "-" && path != "" {
		// O_NONBLOCK: a FIFO in the place of the file must not hold up the start.
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o644)
		if err != nil {
			l.fail(err)
		} else {
			l.file = f
			if endsInside(path) {
				f.WriteString("\n")
			}
			// Nothing depends on it: without it a crash is told on stderr only.
			_ = debug.SetCrashOutput(f, debug.CrashOptions{})
		}
	}
	go l.syncer()
	return l
}

// endsInside reports whether the file at path ends within a line. After a power
// cut a log can have the length of what was written to it and zeros in its
// place, so the next line would stand behind them and be lost to its readers.
func endsInside(path string) bool {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Size == 0 {
		return false
	}
	var last [1]byte
	syscall.Pread(fd, last[:], st.Size-1)
	return last[0] != '\n'
}

// Write writes one line. It always succeeds: there is nobody to tell.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.std.Write(line)
	if l.file != nil {
		if _, err := l.file.Write(line); err != nil {
			l.fail(err)
		}
		l.dirty = true
	}
	return len(line), nil
}

// fail tells that the file cannot be written, once. The file is kept: a disk
// that is full now may have room again for the last line.
func (l *Log) fail(err error) {
	if !l.failed {
		l.failed = true
		io.WriteString(l.std, `{"level":"warn","message":"the log file cannot be written; logging to stderr only","error":`+
			strconv.QuoteToASCII(err.Error())+"}\n")
	}
}

func (l *Log) syncer() {
	defer close(l.done)
	t := time.NewTicker(syncEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			l.sync()
		case <-l.stop:
			return
		}
	}
}

// sync syncs the file outside the lock: flash is slow, and the line that
// waits for it would hold up a connection.
func (l *Log) sync() {
	l.mu.Lock()
	f, dirty := l.file, l.dirty
	l.dirty = false
	l.mu.Unlock()
	if dirty {
		start := time.Now()
		f.Sync()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.took = time.Since(start)
		if need := min(l.took+syncSpare, syncMost); need > l.Closing() && l.Closing() > 0 {
			l.closing.Store(int64(need))
			l.w.Leave(need)
		}
	}
}

// Closing is what lies between the end of the window and the instant at which
// the program must be gone: what Start was told, or more, for a disk whose
// syncs took longer than that.
func (l *Log) Closing() time.Duration { return time.Duration(l.closing.Load()) }

// Close syncs and closes the file. It leaves the sync to the kernel if the
// last one took longer than there is time: no process ends before the sync
// that it has asked for.
func (l *Log) Close(limit time.Duration) {
	close(l.stop)
	<-l.done
	if l.took <= limit {
		l.sync()
	}
	if l.file != nil {
		debug.SetCrashOutput(nil, debug.CrashOptions{})
		l.file.Close()
	}
}

// Safe returns s with everything but printable ASCII escaped as in a Go
// string. Names and texts from the wire pass through it on their way into a
// log: JSON alone would leave terminal controls above 0x7f in place.
func Safe(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == '\\' {
			q := strconv.QuoteToASCII(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

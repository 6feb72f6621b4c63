package mockfm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A syslog is the SDR's /var/log/syslog: written while windows run, rotated by
// rename. Its lines are numbered, so that a copy shows what it lacks.
type syslog struct {
	path   string
	clock  *clock
	size   int64
	every  time.Duration
	rotate time.Duration
	line   int64
}

func (m *Mock) syslogOf(w *window) *syslog {
	return &syslog{
		path:   filepath.Join(m.systemDir(w), "var", "log", "syslog"),
		clock:  m.clock,
		size:   m.cfg.SyslogSize,
		every:  time.Second / time.Duration(m.cfg.SyslogRate),
		rotate: m.cfg.SyslogRotate,
	}
}

// messages that a line may carry; the number makes each line unlike any other.
var messages = []string{
	"kernel: [%7d.210331] ad9361 spi1.0: RX gain 62 dB, AGC slow, temperature 41",
	"sdrd[412]: stream %d: 4194304 samples at 2.4 MS/s, 0 overruns",
	"gnssd[398]: fix %d: 11 satellites, pdop 1.7",
	"kernel: [%7d.532117] macb ff0e0000.ethernet eth0: link up (1000/Full)",
	"adcsd[377]: report %d: nadir error 0.21 deg, wheels 1812 1799 -1820 rpm",
	"powerd[301]: sample %d: bus 8.13 V, payload 1.42 A",
}

func (s *syslog) next(at time.Time) string {
	s.line++
	msg := fmt.Sprintf(messages[s.line%int64(len(messages))], s.line)
	return fmt.Sprintf("%s sdr %s #%08d\n", at.Format("Jan _2 15:04:05"), msg, s.line)
}

// state keeps the line number from one window to the next, beside the log's
// directory where no payload sees it.
func (s *syslog) state() string { return filepath.Join(filepath.Dir(s.path), "..", "..", "line") }

// boot gives a new SDR a log with a past, and goes on with an old one.
func (s *syslog) boot() error {
	s.recall()
	if s.line > 0 {
		return nil
	}
	at := s.clock.now().Add(-time.Minute)
	var text []byte
	for int64(len(text)) < s.size {
		text = append(text, s.next(at)...)
	}
	if err := os.WriteFile(s.path, text, 0o644); err != nil {
		return err
	}
	os.Chtimes(s.path, at, at)
	return s.keep()
}

func (s *syslog) recall() {
	if b, err := os.ReadFile(s.state()); err == nil {
		fmt.Sscan(string(b), &s.line)
	}
}

func (s *syslog) keep() error {
	return os.WriteFile(s.state(), fmt.Appendln(nil, s.line), 0o644)
}

// write appends lines until ctx ends. A disk that fails it ends it: the log is
// scenery.
func (s *syslog) write(ctx context.Context) {
	s.recall()
	defer s.keep()
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return
	}
	defer func() { f.Close() }()
	tick := time.NewTicker(s.every)
	defer tick.Stop()
	var rotate <-chan time.Time
	if s.rotate > 0 {
		t := time.NewTicker(s.rotate)
		defer t.Stop()
		rotate = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := s.clock.now()
			if _, err := f.WriteString(s.next(now)); err != nil {
				return
			}
			// File times are the payload's too.
			os.Chtimes(s.path, now, now)
		case <-rotate:
			f.Close()
			os.Rename(s.path, s.path+".1")
			if f, err = os.OpenFile(s.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644); err != nil {
				return
			}
		}
	}
}

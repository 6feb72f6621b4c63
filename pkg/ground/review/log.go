package review

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maxLog   = 8 << 20 // bytes of a log that are read
	maxLines = 20000
)

// Log is what an agent wrote, as far as it can be read.
type Log struct {
	Program string    `json:"program"`
	Key     string    `json:"key"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Lines   []Line    `json:"-"`
	stamp   time.Time
	sat     string
}

// Line is one line: zerolog's time, level and message, and the other fields.
type Line struct {
	Time    time.Time
	Level   string
	Message string
	Fields  map[string]any
}

// Number is the first of the fields that is a number.
func (l Line) Number(names ...string) (float64, bool) {
	for _, n := range names {
		if f, ok := l.Fields[n].(float64); ok {
			return f, true
		}
	}
	return 0, false
}

// Text is the line for a person.
func (l Line) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-5s %s", l.Time.UTC().Format("15:04:05.000Z"), l.Level, l.Message)
	var names []string
	for n := range l.Fields {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		v, _ := json.Marshal(l.Fields[n])
		fmt.Fprintf(&b, " %s=%s", n, v)
	}
	return b.String()
}

// logOf is the program whose log has this name, or "".
func logOf(name string) string {
	for _, p := range []string{serverLog, fetcherLog} {
		if name == p+".log" {
			return p
		}
	}
	return ""
}

func parseLog(data []byte) []Line {
	var out []Line
	for _, raw := range bytes.Split(data, []byte("\n")) {
		var fields map[string]any
		if len(out) == maxLines || json.Unmarshal(raw, &fields) != nil {
			continue // a crash writes a trace here, a power cut half a line
		}
		l := Line{Fields: fields}
		l.Level, _ = fields["level"].(string)
		l.Message, _ = fields["message"].(string)
		if s, ok := fields["time"].(string); ok {
			l.Time, _ = time.Parse(time.RFC3339, s)
		} else if n, ok := fields["time"].(float64); ok {
			l.Time = time.Unix(int64(n), 0)
		}
		delete(fields, "level")
		delete(fields, "message")
		delete(fields, "time")
		out = append(out, l)
	}
	return out
}

func (v *viewer) readLogs(ctx context.Context) {
	logs := make([]*Log, len(v.logs))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, f := range v.logs {
		g.Go(func() error {
			data, err := v.b.bytes(ctx, f, maxLog)
			if err != nil {
				v.failed(f.Key, err)
				return nil
			}
			logs[i] = newLog(f, data)
			return nil
		})
	}
	g.Wait()
	for _, l := range logs {
		if l != nil {
			v.read = append(v.read, l)
		}
	}
}

func newLog(f file, data []byte) *Log {
	l := &Log{Program: logOf(f.name), Key: f.Key, Lines: parseLog(data), stamp: f.stamp, sat: f.satellite}
	for _, line := range l.Lines {
		if line.Time.IsZero() {
			continue
		}
		if l.First.IsZero() || line.Time.Before(l.First) {
			l.First = line.Time
		}
		if line.Time.After(l.Last) {
			l.Last = line.Time
		}
	}
	return l
}

// logsOf are the logs that came down with a run: of each program the one
// nearest to its newest key, if that is within half an hour and names no other run.
func (v *viewer) logsOf(r *Run) []*Log {
	out := []*Log{}
	for _, program := range []string{serverLog, fetcherLog} {
		var best *Log
		for _, l := range v.read {
			d := l.stamp.Sub(r.Last).Abs()
			other := l.run() != "" && l.run() != r.ID
			if l.Program == program && l.sat == r.Satellite && d <= latest && !other && (best == nil || d < best.stamp.Sub(r.Last).Abs()) {
				best = l
			}
		}
		if best != nil && (r.ID != "" || r.NoReceipt) {
			out = append(out, best)
		}
	}
	return out
}

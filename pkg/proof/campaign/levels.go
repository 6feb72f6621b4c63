package campaign

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A level is one thing that must stay flat, window after window.
type level struct {
	name string
	unit string
	room float64 // by how much its last quarter may stand above its first
	seen []float64
}

// Levels are the results of a Soak.
type Levels struct {
	Windows int
	Took    time.Duration
	all     []*level
	wrong   []string
}

func newLevels() *Levels {
	return &Levels{all: []*level{
		{name: "server: descriptors", room: 0},
		{name: "server: memory (VmRSS)", unit: "MB", room: 4},
		{name: "server: threads", room: 3},
		{name: "fetcher: peak memory (VmHWM)", unit: "MB", room: 2},
		{name: "stage and outbox: bytes on disk", unit: "KB", room: 64},
		{name: "payloads' directories: files", room: 2},
		{name: "both agents inside this program: goroutines", room: 2},
		{name: "both agents inside this program: descriptors", room: 2},
		{name: "both agents inside this program: heap", unit: "MB", room: 4},
	}}
}

// looks says whether the levels of this window are kept: of a long soak not
// all, for they lie in the memory that is measured.
func (l *Levels) looks() bool { return l.Windows < 1000 || l.Windows%20 == 0 }

func (l *Levels) add(name string, v float64) {
	for _, x := range l.all {
		if strings.HasPrefix(x.name, name) {
			x.seen = append(x.seen, v)
		}
	}
}

// quarters are the medians of the first and the last quarter; the first few
// windows are warming up.
func (x *level) quarters() (first, last float64) {
	s := x.seen[min(3, len(x.seen)/4):]
	if len(s) < 4 {
		return 0, 0
	}
	n := max(len(s)/4, 1)
	return median(s[:n]), median(s[len(s)-n:])
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

// Flat says whether all levels are.
func (l *Levels) Flat() bool {
	for _, x := range l.all {
		if first, last := x.quarters(); last > first+x.room {
			return false
		}
	}
	return len(l.wrong) == 0
}

// JSON writes a line for each level, and one for each window that went wrong.
func (l *Levels) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, x := range l.all {
		if len(x.seen) == 0 {
			continue
		}
		first, last := x.quarters()
		if err := e.Encode(map[string]any{"level": x.name, "unit": x.unit, "windows": l.Windows, "first_quarter": first, "last_quarter": last, "most": slices.Max(x.seen), "flat": last <= first+x.room}); err != nil {
			return err
		}
	}
	for _, why := range l.wrong {
		if err := e.Encode(map[string]string{"wrong": why}); err != nil {
			return err
		}
	}
	return nil
}

// Text is the result, also fit for a Markdown file.
func (l *Levels) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d windows in %s\n\n| | unit | first quarter | last quarter | most | flat |\n|---|---|---:|---:|---:|---|\n", l.Windows, l.Took.Round(time.Second))
	for _, x := range l.all {
		if len(x.seen) == 0 {
			continue
		}
		first, last := x.quarters()
		flat := "yes"
		if last > first+x.room {
			flat = "NO"
		}
		fmt.Fprintf(&b, "| %s | %s | %.4g | %.4g | %.4g | %s |\n", x.name, x.unit, first, last, slices.Max(x.seen), flat)
	}
	for _, w := range l.wrong {
		fmt.Fprintf(&b, "\nWRONG: %s\n", w)
	}
	return b.String()
}

func (s Soak) levels(l *Levels, pid int, stage, out string) {
	// What the visitors of this window left must be gone by itself.
	time.Sleep(50 * time.Millisecond)
	dir := fmt.Sprintf("/proc/%d", pid)
	l.add("server: descriptors", count(dir+"/fd"))
	l.add("server: threads", count(dir+"/task"))
	l.add("server: memory", status(dir, "VmRSS:")/1e6)
	bytes, files := 0.0, 0.0
	for _, d := range []string{stage, out} {
		filepath.WalkDir(d, func(_ string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return nil
			}
			if fi, err := e.Info(); err == nil {
				bytes += float64(fi.Size())
				files++
			}
			return nil
		})
	}
	l.add("stage and outbox", bytes/1e3)
	l.add("payloads' directories", files)
	const inside = "both agents inside this program: "
	l.add(inside+"goroutines", float64(runtime.NumGoroutine()))
	l.add(inside+"descriptors", count("/proc/self/fd"))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	l.add(inside+"heap", float64(m.HeapAlloc)/1e6)
}

func count(dir string) float64 {
	rows, _ := os.ReadDir(dir)
	return float64(len(rows))
}

// status is a field of /proc/PID/status in bytes.
func status(dir, field string) float64 {
	b, _ := os.ReadFile(dir + "/status")
	_, rest, _ := strings.Cut(string(b), field)
	if f := strings.Fields(rest); len(f) > 0 {
		n, _ := strconv.ParseFloat(f[0], 64)
		return n * 1024
	}
	return 0
}

// Package evidence keeps docs/evidence.md: measured blocks in hand-written
// text, each with the date and the machine it was measured on.
package evidence

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
)

// Put replaces what stands between the comments "name" and "/name" in file,
// which must be there.
func Put(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	from, to := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, ok := strings.Cut(string(old), from)
	_, tail, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		return errors.New(file + " has no block called " + name)
	}
	return os.WriteFile(file, []byte(head+from+text+to+tail), 0o644)
}

// Draw writes a picture called name, an SVG, beside file.
func Draw(file, name string, svg []byte) error {
	return os.WriteFile(filepath.Join(filepath.Dir(file), name), svg, 0o644)
}

// Progress is w where a person sees it: progress stays off a pipe.
func Progress(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return w
	}
	return io.Discard
}

// Scratch is a directory for name that does not exist yet: in memory if there
// is room for n bytes, else under tmp.
func Scratch(name string, n int64) string {
	const memory = "/dev/shm"
	var s unix.Statfs_t
	if unix.Statfs(memory, &s) == nil && int64(s.Bavail)*int64(s.Bsize) > n+n/4 {
		return fmt.Sprintf("%s/payload-ipc-%s-%d", memory, name, os.Getpid())
	}
	return filepath.Join("tmp", name)
}

// Machine is one sentence on where and when something is measured; begun is
// the load before it, from Load.
func Machine(begun string) string {
	var u unix.Utsname
	unix.Uname(&u)
	return fmt.Sprintf("Measured %s on %s, %d processors, %s of memory, Linux %s, %s; load average before: %s.",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), processor(), runtime.NumCPU(), memory(), release(unix.ByteSliceToString(u.Release[:])), runtime.Version(), begun)
}

// release leaves out what builders of kernels add.
func release(s string) string {
	s, _, _ = strings.Cut(s, "-")
	return s
}

// Load is the load average of the last minute.
func Load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(b) + " unknown")[0]
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func memory() string {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return "?"
	}
	return fmt.Sprintf("%d GB", (uint64(info.Totalram)*uint64(info.Unit)+5e8)/1e9)
}

package serve

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// held is what a process can leak.
type held struct{ fds, goroutines int }

func resources(t testing.TB) held {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return held{len(fds), runtime.NumGoroutine()}
}

// same fails the test if there is more now than before, and stays so.
func (h held) same(t testing.TB) {
	t.Helper()
	var now held
	for range 1000 {
		if now = resources(t); now.fds <= h.fds && now.goroutines <= h.goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("before: %+v, now: %+v", h, now)
}

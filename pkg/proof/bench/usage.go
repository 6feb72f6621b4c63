package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A usage watches a process and what it forks: processor time to the
// nanosecond (/proc/PID/task/TID/schedstat), and the most memory each process
// ever had (VmHWM).
type usage struct {
	mu   sync.Mutex
	pid  int
	cpu  map[string]int64 // by task
	peak map[int]int64    // by process, bytes
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

// watch looks every 5 ms, for the sake of servers that fork for each
// connection: what the last look missed of a child is lost.
func watch(pid int) *usage {
	u := &usage{pid: pid, cpu: map[string]int64{}, peak: map[int]int64{}, stop: make(chan struct{}), done: make(chan struct{})}
	u.look()
	go func() {
		defer close(u.done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-u.stop:
				return
			case <-tick.C:
				u.look()
			}
		}
	}()
	return u
}

// end stops looking. It may be called again.
func (u *usage) end() {
	u.once.Do(func() { close(u.stop) })
	<-u.done
}

// cpuTime is what all processes have used so far.
func (u *usage) cpuTime() time.Duration {
	u.look()
	u.mu.Lock()
	defer u.mu.Unlock()
	var sum int64
	for _, ns := range u.cpu {
		sum += ns
	}
	return time.Duration(sum)
}

// peakMemory is that of all processes added up, bytes. Pages that processes share
// count for each.
func (u *usage) peakMemory() int64 {
	u.look()
	u.mu.Lock()
	defer u.mu.Unlock()
	var sum int64
	for _, n := range u.peak {
		sum += n
	}
	return sum
}

func (u *usage) look() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, pid := range tree(u.pid) {
		dir := fmt.Sprintf("/proc/%d/task", pid)
		rows, _ := os.ReadDir(dir)
		for _, row := range rows {
			b, _ := os.ReadFile(dir + "/" + row.Name() + "/schedstat")
			if f := strings.Fields(string(b)); len(f) > 0 {
				ns, _ := strconv.ParseInt(f[0], 10, 64)
				u.cpu[row.Name()] = max(u.cpu[row.Name()], ns)
			}
		}
		if n := highWater(pid); n > 0 {
			u.peak[pid] = max(u.peak[pid], n)
		}
	}
}

// highWater is VmHWM of a process in bytes, 0 if it is gone.
func highWater(pid int) int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(f[0], 10, 64)
	return n << 10
}

// tree is a process and its descendants.
func tree(pid int) []int {
	all := []int{pid}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(b)) {
		if child, err := strconv.Atoi(f); err == nil {
			all = append(all, tree(child)...)
		}
	}
	return all
}

package window

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	bootClock = 7                     // CLOCK_BOOTTIME of linux/time.h
	tick      = 10 * time.Millisecond // USER_HZ is 100 wherever we fly
)

// ProcessStart returns when the kernel started this process, for differences
// alone, or the zero time where that cannot be told. exec keeps it: for a
// packed program it lies before the unpacking.
func ProcessStart() time.Time {
	// The task's file and not the process's: qemu-user shows its program a
	// made-up /proc/self/stat.
	fd, err := syscall.Open("/proc/self/task/"+strconv.Itoa(os.Getpid())+"/stat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return time.Time{}
	}
	defer syscall.Close(fd)
	stat := make([]byte, 1024)
	n, _ := syscall.Read(fd, stat)
	started, ok := startOf(stat[:max(n, 0)])
	var boot syscall.Timespec
	_, _, e := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, bootClock, uintptr(unsafe.Pointer(&boot)), 0)
	now := time.Now()
	age := time.Duration(boot.Nano()) - started
	if !ok || e != 0 || age < 0 {
		return time.Time{}
	}
	return now.Add(-age)
}

// startOf reads field 22 of a stat file (proc(5)): the start of the process,
// after boot. The second field is a name in parentheses, which may have both
// spaces and parentheses.
func startOf(stat []byte) (time.Duration, bool) {
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	for range 20 { // a space stands in front of field 3
		i := bytes.IndexByte(rest, ' ')
		if i < 0 {
			return 0, false
		}
		rest = rest[i+1:]
	}
	if i := bytes.IndexByte(rest, ' '); i >= 0 {
		rest = rest[:i]
	}
	n, err := strconv.ParseInt(string(rest), 10, 64)
	// A kernel that does not tell says 0.
	return time.Duration(n) * tick, err == nil && n > 0 && n < int64(forever/tick)
}

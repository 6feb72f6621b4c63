package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A payloadClock is CLOCK_REALTIME as the programs of one payload see it.
//
// There is no namespace for it. So the calls that read it are stopped by a
// seccomp filter and answered by init, their tracer, and every new program has
// its vDSO hidden, through which it would read the host's clock without a call.
// All other calls, monotonic time among them, run untouched. Absolute waits on
// CLOCK_REALTIME are not translated.
type payloadClock struct {
	offset time.Duration // to the host's
	steps  []Step
	on     time.Time
}

func newPayloadClock(offset time.Duration, steps []Step) *payloadClock {
	return &payloadClock{offset, steps, time.Now()}
}

func (c *payloadClock) now() time.Time {
	now := time.Now()
	t := now.Add(c.offset)
	for _, s := range c.steps {
		if now.Sub(c.on) >= s.At {
			t = t.Add(s.By)
		}
	}
	return t
}

const traceOptions = unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_EXITKILL

// attach makes the calling thread the tracer of pid and of what comes of it.
func (c *payloadClock) attach(pid int) error {
	if !canAnswer {
		return unix.ENOSYS
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, traceOptions, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// stopped deals with one ptrace stop. Errors mean that the process died
// meanwhile, which wait4 will tell.
func (c *payloadClock) stopped(pid int, ws unix.WaitStatus) {
	signal := int(ws.StopSignal())
	switch uint32(ws) >> 16 {
	case unix.PTRACE_EVENT_EXEC:
		hideVDSO(pid)
		signal = 0
	case unix.PTRACE_EVENT_SECCOMP:
		c.answer(pid)
		signal = 0
	case unix.PTRACE_EVENT_STOP:
		if signal != int(unix.SIGTRAP) { // stopped like any process: stays so
			unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_LISTEN, uintptr(pid), 0, 0, 0, 0)
			return
		}
		signal = 0
	case 0: // a signal on its way
	default:
		signal = 0
	}
	unix.PtraceCont(pid, signal)
}

// hideVDSO makes a program that is about to start believe that the kernel has
// no vDSO: in the auxiliary vector (getauxval(3)) on its stack,
// AT_SYSINFO_EHDR becomes AT_IGNORE. 32-bit programs are left alone.
func hideVDSO(pid int) {
	const word, atIgnore, atSysinfoEHDR = 8, 1, 33
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return
	}
	// proc(5): field 28 is startstack; the command in field 2 may hold blanks.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 26 {
		return
	}
	sp, err := strconv.ParseUint(fields[28-3], 10, 64)
	if err != nil || sp == 0 {
		return
	}
	// argc, argv, NULL, envp, NULL, then pairs until AT_NULL.
	stack := make([]byte, 1<<20)
	n := peek(pid, sp, stack)
	stack = stack[:n/word*word]
	at := func(i int) uint64 {
		if i*word >= len(stack) {
			return 0
		}
		return binary.NativeEndian.Uint64(stack[i*word:])
	}
	argc := at(0)
	if argc>>32 != 0 {
		return // 32 bit
	}
	i := int(argc) + 2
	for at(i) != 0 {
		i++
	}
	for i++; at(i) != 0; i += 2 {
		if at(i) == atSysinfoEHDR {
			poke(pid, sp+uint64(i*word), binary.NativeEndian.AppendUint64(nil, atIgnore))
		}
	}
}

// peek reads memory of another process, as much as there is of it.
func peek(pid int, at uint64, b []byte) int {
	got := 0
	for got < len(b) {
		n := min(4096-int((at+uint64(got))%4096), len(b)-got)
		local := []unix.Iovec{{Base: &b[got]}}
		local[0].SetLen(n)
		m, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(at) + uintptr(got), Len: n}}, 0)
		if err != nil || m <= 0 {
			break
		}
		got += m
	}
	return got
}

// poke writes memory of another process.
func poke(pid int, at uint64, b []byte) error {
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	_, err := unix.ProcessVMWritev(pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	return err
}

// answer does a stopped call in the kernel's place.
func (c *payloadClock) answer(pid int) {
	call, err := stoppedCall(pid)
	if err != nil {
		return
	}
	t := c.now()
	sec, frac := t.Unix(), int64(t.Nanosecond())
	where, result := call.args[0], int64(0)
	answer := binary.NativeEndian.AppendUint64(nil, uint64(sec))
	switch call.number {
	case unix.SYS_CLOCK_GETTIME:
		where = call.args[1]
		answer = binary.NativeEndian.AppendUint64(answer, uint64(frac))
	case unix.SYS_GETTIMEOFDAY:
		answer = binary.NativeEndian.AppendUint64(answer, uint64(frac/1000))
	default: // time(2)
		result = sec
	}
	if where != 0 && poke(pid, where, answer) != nil {
		result = -int64(unix.EFAULT)
	}
	call.finish(result)
}

// filterClock has the calling thread, and what it becomes, stop at calls that
// read CLOCK_REALTIME. Privileges gained by exec are given up for it.
func filterClock() error {
	const (
		offNumber, offArch, offArg0 = 0, 4, 16 // struct seccomp_data
		load                        = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal                       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret                         = unix.BPF_RET | unix.BPF_K
	)
	prog := []unix.SockFilter{
		{Code: load, K: offArch},
		{Code: equal, K: nativeArch, Jf: 9},
		{Code: load, K: offNumber},
		{Code: equal, K: unix.SYS_GETTIMEOFDAY, Jt: 6},
		{Code: equal, K: sysTime, Jt: 5},
		{Code: equal, K: unix.SYS_CLOCK_GETTIME, Jf: 5},
		{Code: load, K: offArg0}, // clock ids are small: the low word of a little-endian machine
		{Code: equal, K: unix.CLOCK_REALTIME, Jt: 2},
		{Code: equal, K: unix.CLOCK_REALTIME_COARSE, Jt: 1},
		{Code: equal, K: unix.CLOCK_TAI, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_TRACE},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0)
}

package sandbox

import "golang.org/x/sys/unix"

// canAnswer: the registers of a stopped call are known here.
const (
	canAnswer  = true
	nativeArch = unix.AUDIT_ARCH_X86_64
	sysTime    = unix.SYS_TIME
)

type syscallStop struct {
	pid    int
	regs   unix.PtraceRegs
	number uint64
	args   [2]uint64
}

func stoppedCall(pid int) (*syscallStop, error) {
	s := &syscallStop{pid: pid}
	if err := unix.PtraceGetRegs(pid, &s.regs); err != nil {
		return nil, err
	}
	s.number, s.args = s.regs.Orig_rax, [2]uint64{s.regs.Rdi, s.regs.Rsi}
	return s, nil
}

// finish skips the call and gives it a result (seccomp(2), SECCOMP_RET_TRACE).
func (s *syscallStop) finish(result int64) error {
	s.regs.Orig_rax, s.regs.Rax = ^uint64(0), uint64(result)
	return unix.PtraceSetRegs(s.pid, &s.regs)
}

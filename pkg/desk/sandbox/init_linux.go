package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initMain is the first process of a payload. It reads its Payload from
// standard input, tells that it is on or what is wrong, then how the program ended.
func initMain() int {
	said := json.NewEncoder(os.Stdout) // which must not reach the program
	var b Payload
	if err := json.NewDecoder(os.Stdin).Decode(&b); err != nil {
		said.Encode(news{Wrong: "no payload: " + err.Error()})
		return 1
	}
	prog, err := powerOn(b)
	if err != nil {
		said.Encode(news{Wrong: err.Error()})
		return 1
	}
	said.Encode(news{})
	// The program begins when whoever holds the other end is ready.
	io.Copy(io.Discard, os.Stdin)
	prog.say = said
	prog.run()
	// Off is when somebody kills us.
	for {
		time.Sleep(time.Hour)
	}
}

// news is what init tells the bus: first that it is on, or what is wrong, then
// how the program ended.
type news struct {
	Wrong   string
	Outcome Outcome
}

// A program is what a window was asked to run, and what descends from it.
type program struct {
	pid   int
	say   *json.Encoder // takes news
	start *os.File      // a byte here lets it begin
	wrong *os.File      // why it could not
	clock *payloadClock
}

// powerOn makes the payload's computer out of this process's namespaces, and a
// process that becomes its program when it is told to.
func powerOn(b Payload) (*program, error) {
	devnull, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	stdout, err := os.Create(b.Stdout)
	if err != nil {
		return nil, err
	}
	stderr, err := os.Create(b.Stderr)
	if err != nil {
		return nil, err
	}
	if err := enterRoot(b); err != nil {
		return nil, err
	}
	if err := unix.Sethostname([]byte(strings.ToLower(b.Name))); err != nil {
		return nil, err
	}
	if err := setLinks(b.Addrs); err != nil {
		return nil, err
	}
	prog, err := startProgram(b, devnull, stdout, stderr)
	if err != nil {
		return nil, err
	}
	if err := readOnlyTree("/proc"); err != nil {
		return nil, fmt.Errorf("/proc: %w", err)
	}
	prog.clock = newPayloadClock(b.Clock, b.Steps)
	return prog, nil
}

// setLinks brings up loopback and the ethernet, which has these addresses.
func setLinks(addrs []string) error {
	if err := setLink("lo", true); err != nil {
		return err
	}
	for _, a := range addrs {
		if err := addAddr("eth0", a); err != nil {
			return fmt.Errorf("address %s: %w", a, err)
		}
	}
	return setLink("eth0", true)
}

// startProgram starts the process that will be the program. It is a user like
// any other, whose powers end with this payload; to the host all its files are
// those of whoever runs the sandbox.
func startProgram(b Payload, stdin, stdout, stderr *os.File) (*program, error) {
	startR, startW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	wrongR, wrongW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p, err := os.StartProcess("/proc/self/exe", append([]string{execName, b.Program}, b.Args...), &os.ProcAttr{
		Dir: "/", Env: []string{}, Files: []*os.File{stdin, stdout, stderr, startR, wrongW},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 1000, HostID: 0, Size: 1}},
			Setsid:      true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("user namespace: %w", err)
	}
	startR.Close()
	wrongW.Close()
	return &program{pid: p.Pid, start: startW, wrong: wrongR}, nil
}

// run lets the program begin and keeps its clock and its orphans until nothing
// is left of it.
func (p *program) run() {
	refused := make(chan string, 1) // why there is no program, or ""
	go func() {
		why, _ := io.ReadAll(p.wrong)
		refused <- string(why)
	}()
	order := byte(startPlain)
	if p.clock.attach(p.pid) == nil {
		order = startClocked
	}
	p.start.Write([]byte{order})
	p.start.Close()
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return // no children are left
		case ws.Stopped():
			p.clock.stopped(pid, ws)
		case pid == p.pid && (ws.Exited() || ws.Signaled()):
			p.say.Encode(news{Outcome: outcome(ws, <-refused)})
		}
	}
}

// outcome tells an end of the program from one of what should have become it.
func outcome(ws unix.WaitStatus, refused string) Outcome {
	switch {
	case refused != "":
		return Outcome{End: Refused, Why: refused}
	case ws.Signaled():
		return Outcome{End: Signaled, Signal: ws.Signal().String()}
	}
	return Outcome{End: Exited, Exit: ws.ExitStatus()}
}

// Orders to execMain.
const (
	startPlain   = 'p'
	startClocked = 'c'
)

// execMain waits until it is traced and becomes the program.
func execMain() int {
	const startFD, wrongFD = 3, 4
	// Nor what whoever started the sandbox left open.
	if err := unix.CloseRange(startFD, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		for fd := startFD; fd < 1024; fd++ {
			unix.CloseOnExec(fd)
		}
	}
	wrong := os.NewFile(wrongFD, "wrong")
	var order [1]byte
	if n, err := unix.Read(startFD, order[:]); n != 1 {
		fmt.Fprint(wrong, "not started: ", err)
		return 1
	}
	if order[0] == startClocked {
		if err := filterClock(); err != nil {
			fmt.Fprint(wrong, "clock: ", err)
			return 1
		}
	}
	err := syscall.Exec(os.Args[1], os.Args[1:], []string{})
	fmt.Fprintf(wrong, "%s: %v", os.Args[1], err)
	return 127
}

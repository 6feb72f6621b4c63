package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"payload-ipc/pkg/proof/badline"

	"golang.org/x/sys/unix"
)

// A supervisor is what runs aboard in place of a bare program where a schedule has
// more in store for it than the Mock does: a late start, deaths and returns, a
// bad line in front of it.
type supervisor struct {
	Cmd    []string
	Late   time.Duration
	Down   []Span // killed, and started again
	Killed bool   // the last of Down is for good
	For    bool   // Cmd ends in a duration: what is left of it after a restart

	// With To, a Cable from Listen to it, open while the program listens there.
	To, Listen string
	Rate       int64
	Resets     []int64
}

// A note is what a supervisor tells on its standard output, which is never
// downlinked but kept on the desk; one JSON value each. At is CLOCK_MONOTONIC,
// which all payloads of a machine share.
type note struct {
	At   int64
	What string // up, down, exit
	Exit int
}

func mono() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// Supervise runs aboard; spec is a supervisor in JSON.
func Supervise(ctx context.Context, spec string) error {
	var a supervisor
	if err := json.Unmarshal([]byte(spec), &a); err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(what string, exit int) {
		mu.Lock()
		defer mu.Unlock()
		json.NewEncoder(os.Stdout).Encode(note{mono(), what, exit})
	}
	line := &badline.Line{To: a.To, Rate: a.Rate, Resets: a.Resets}
	begin := time.Now()
	sleep(ctx, a.Late)
	for i := 0; ; i++ {
		life, kill := context.WithCancel(ctx)
		if i < len(a.Down) {
			life, kill = context.WithDeadline(ctx, begin.Add(a.Down[i].At))
		}
		err := a.live(life, line, time.Since(begin), say)
		killed := life.Err() != nil
		kill()
		if err != nil {
			return err
		}
		if !killed || i == len(a.Down)-1 && a.Killed {
			return nil
		}
		sleep(ctx, time.Until(begin.Add(a.Down[i].end())))
	}
}

// live is one life of the program.
func (a *supervisor) live(ctx context.Context, line *badline.Line, since time.Duration, say func(string, int)) error {
	argv := a.Cmd
	if a.For && since > 0 {
		all, err := time.ParseDuration(argv[len(argv)-1])
		if err != nil {
			return err
		}
		argv = append(argv[:len(argv)-1:len(argv)-1], max(all-since, time.Millisecond).String())
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{}
	cmd.Stderr, cmd.Stdout = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	if a.To != "" {
		opened := make(chan bool, 1)
		go func() { opened <- a.open(gone, line, say) }()
		select {
		case <-gone:
		case <-ctx.Done():
		}
		cmd.Process.Kill()
		<-gone
		if <-opened {
			line.Shut()
			say("down", 0)
		}
	} else {
		say("up", 0)
		select {
		case <-gone:
		case <-ctx.Done():
		}
		cmd.Process.Kill()
		<-gone
	}
	say("exit", cmd.ProcessState.ExitCode())
	return nil
}

// open opens the line as soon as the program accepts.
func (a *supervisor) open(gone chan struct{}, line *badline.Line, say func(string, int)) bool {
	for {
		conn, err := net.DialTimeout("tcp", a.To, time.Second)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case <-gone:
			return false
		case <-time.After(3 * time.Millisecond):
		}
	}
	for range 100 {
		if err := line.Open(a.Listen); err == nil {
			say("up", 0)
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// readNotes is what a supervisor left, also if it was cut off.
func readNotes(file string) (notes []note) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		var n note
		if json.Unmarshal([]byte(line), &n) == nil {
			notes = append(notes, n)
		}
	}
	return notes
}

func (a supervisor) String() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprint("a supervisor is plain data: ", err))
	}
	return string(b)
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

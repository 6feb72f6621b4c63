package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/ground/plan"
)

// bootLimit is how long a machine may take until its command is started, far
// beyond what an emulated one takes on a busy computer.
const bootLimit = 2 * time.Minute

// on switches the SDR on, if it is off, and leaves it serving until off.
func (p *pair) on(ctx context.Context) error {
	if p.sdr != nil {
		return nil
	}
	w := p.spec.Pass("FM1", time.Now()).Windows[0]
	m := p.machine("sdr", "sdr.img", w)
	m.Address, m.End, m.CPU = sdrAddress, sdrEnd, ""
	var err error
	p.sdr, err = m.Start(ctx)
	return err
}

// off cuts the SDR's power.
func (p *pair) off() {
	if p.sdr != nil {
		p.sdr.Cut()
		p.sdr = nil
	}
}

// machine is the SABERTOOTH with a window's command, unless it is made another.
func (p *pair) machine(name, disk string, w plan.Window) vm.Machine {
	p.boots++
	return vm.Machine{
		Name: fmt.Sprintf("%03d-%s", p.boots, name), Dir: p.Dir, Image: p.Image, CPU: fetchCPU, Disk: p.file(disk), Address: fetchAddress,
		Ether: p.ether, End: fetchEnd, Command: append([]string{w.Executable}, w.Args...),
	}
}

// A flight is a window of the fetching machine.
type flight struct {
	*vm.Running
	server *vm.Running
	begun  time.Time
	until  time.Time // when its power goes
}

// fly opens a window of length and waits until its command is started. set may
// change the machine first.
func (p *pair) fly(ctx context.Context, disk string, length time.Duration, set func(*vm.Machine)) (*flight, error) {
	if err := p.on(ctx); err != nil {
		return nil, err
	}
	s := p.spec
	s.FetchDuration = length
	w := s.Pass("FM1", time.Now().Truncate(time.Second)).Windows[1]
	m := p.machine("fetch", disk, w)
	m.Empty = true
	if set != nil {
		set(&m)
	}
	run, err := m.Start(ctx)
	if err != nil {
		return nil, err
	}
	f := &flight{run, p.sdr, time.Now(), w.End()}
	boot, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if _, ok := f.Await(boot, "VM start"); ok {
		return f, nil
	}
	f.Cut()
	if why, ok := f.Await(ctx, "VM failed: "); ok && strings.Contains(why.Text, "mounted") {
		return nil, wrongf("%s", why.Text) // of what a cut left
	} else if ok {
		return nil, errors.New(why.Text)
	}
	return nil, errors.Join(ctx.Err(), fmt.Errorf("%s did not boot within %v: %s", m.Name, bootLimit, f.last()))
}

// last is the last line of the console.
func (f *flight) last() string {
	lines := f.Lines()
	if len(lines) == 0 {
		return "its console is silent"
	}
	return lines[len(lines)-1].Text
}

// early is how long before its power goes a program must be gone
// (docs/contract.md, "Both programs").
const early = 500 * time.Millisecond

// end waits for the end of the command, or of the window, and returns the exit
// code. A command that is not gone early enough has broken its promise.
func (f *flight) end(ctx context.Context) (code int, err error) {
	window, cancel := context.WithDeadline(ctx, f.until)
	defer cancel()
	l, ok := f.Await(window, "VM exit ")
	f.Cut()
	if !ok {
		return 0, errors.Join(ctx.Err(), wrongf("alive when power went, last: %s", f.last()))
	}
	if left := f.until.Sub(l.At); left < early {
		return 0, wrongf("gone %v before power went, want %v", left, early)
	}
	return strconv.Atoi(strings.Fields(l.Text)[2])
}

// third waits until a third of the file is proven, at most to the window's end.
func (f *flight) third(ctx context.Context) error {
	window, cancel := context.WithDeadline(ctx, f.until)
	defer cancel()
	for f.proven() < logBytes/3 {
		select {
		case <-window.Done():
			return errors.Join(ctx.Err(), wrongf("not a third of the file came within the window, last: %s", f.last()))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// proven is the end of the last piece that had come whole when the fetcher drew
// its progress last, which it does five times a second; where pieces end, the
// server's log tells.
func (f *flight) proven() (n int64) {
	var held int64
	for _, l := range f.Lines() {
		if rest, ok := strings.CutPrefix(l.Text, path+" "); ok {
			count, _, _ := strings.Cut(rest, " ")
			held, _ = strconv.ParseInt(count, 10, 64)
		}
	}
	for _, l := range f.server.Lines() {
		var sent struct{ Message, Path, Range string }
		if l.At.Before(f.begun) || json.Unmarshal([]byte(l.Text), &sent) != nil || sent.Message != "request" || sent.Path != path {
			continue
		}
		_, last, _ := strings.Cut(sent.Range, "-")
		if end, err := strconv.ParseInt(last, 10, 64); err == nil && end < held {
			n = max(n, end+1)
		}
	}
	return n
}

// resumed is how many bytes of an earlier run the fetcher said it goes on from.
func (f *flight) resumed() (n int64) {
	for _, l := range f.Lines() {
		if strings.Contains(l.Text, `"message":"an earlier run left a part"`) {
			_, rest, _ := strings.Cut(l.Text, `"bytes":`)
			count, _, _ := strings.Cut(rest, ",")
			n, _ = strconv.ParseInt(count, 10, 64)
		}
	}
	return n
}

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

// on switches the SDR on, if it is off, to serve until off.
func (p *pair) on(ctx context.Context) error {
	if p.sdr != nil {
		return nil
	}
	m := p.machine("sdr", "sdr.img")
	m.Address, m.End, m.CPU, m.Clock = sdrAddress, sdrEnd, "", p.epoch
	var err error
	p.sdr, err = m.Start(ctx)
	return err
}

// serve opens the SDR's window, if it is not open.
func (p *pair) serve(ctx context.Context) error {
	if err := p.on(ctx); err != nil || p.serving {
		return err
	}
	if err := p.command(ctx, p.sdr, p.spec.Pass("FM1", time.Now()).Windows[0]); err != nil {
		return fmt.Errorf("the SDR: %w", err)
	}
	p.serving = true
	return nil
}

// off cuts the SDR's power.
func (p *pair) off() {
	if p.sdr != nil {
		p.sdr.Cut()
		p.sdr, p.serving = nil, false
	}
}

// machine is the SABERTOOTH, unless it is made another.
func (p *pair) machine(name, disk string) vm.Machine {
	p.boots++
	return vm.Machine{
		Name: fmt.Sprintf("%03d-%s", p.boots, name), Dir: p.dir, Image: p.Image, CPU: fetchCPU, Disk: p.file(disk), Address: fetchAddress,
		Ether: p.ether, End: fetchEnd, Clock: p.epoch,
	}
}

// ready waits until a machine has booted.
func (p *pair) ready(ctx context.Context, r *vm.Running) error {
	boot, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if _, ok := r.Await(boot, "VM ready"); ok {
		return nil
	}
	r.Cut()
	if why, ok := r.Await(ctx, "VM failed: "); ok && strings.Contains(why.Text, "mounted") {
		return wrongf("%s", why.Text) // of what a cut left
	} else if ok {
		return errors.New(why.Text)
	}
	return errors.Join(ctx.Err(), fmt.Errorf("did not boot within %v: %s", bootLimit, last(r)))
}

// command starts a window's command on a machine.
func (p *pair) command(ctx context.Context, r *vm.Running, w plan.Window) error {
	if err := p.ready(ctx, r); err != nil {
		return err
	}
	if err := r.Run(append([]string{w.Executable}, w.Args...)); err != nil {
		return err
	}
	start, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if _, ok := r.Await(start, "VM start"); !ok {
		r.Cut()
		return errors.Join(ctx.Err(), fmt.Errorf("took no command: %s", last(r)))
	}
	return nil
}

// A flight is a window of the fetching machine.
type flight struct {
	*vm.Running
	server *vm.Running
	begun  time.Time
	until  time.Time // when its power goes
}

// fly boots both machines, if need be, and opens a window of length, in which
// the fetcher's command is started. set may change the machine first.
func (p *pair) fly(ctx context.Context, disk string, length time.Duration, set func(*vm.Machine)) (*flight, error) {
	if err := p.on(ctx); err != nil {
		return nil, err
	}
	m := p.machine("fetch", disk)
	m.Empty = true
	if set != nil {
		set(&m)
	}
	run, err := m.Start(ctx)
	if err != nil {
		return nil, err
	}
	if err = p.serve(ctx); err == nil {
		err = p.ready(ctx, run)
	}
	s := p.spec
	s.FetchDuration = length
	w := s.Pass("FM1", time.Now().Truncate(time.Second)).Windows[1]
	f := &flight{run, p.sdr, time.Now(), w.End()}
	if err == nil {
		err = p.command(ctx, run, w)
	}
	if err != nil {
		run.Cut()
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	return f, nil
}

// last is the last line of a console.
func last(r *vm.Running) string {
	lines := r.Lines()
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
		return 0, errors.Join(ctx.Err(), wrongf("alive when power went, last: %s", last(f.Running)))
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
			return errors.Join(ctx.Err(), wrongf("not a third of the file came within the window, last: %s", last(f.Running)))
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

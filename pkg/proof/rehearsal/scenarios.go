package rehearsal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// box is the outbox's directory on a disk.
const box = "/outbox"

// whole ends a window that has to deliver the whole file, unless it came before.
func (p *pair) whole(ctx context.Context, f *flight, disk, box string, came bool) (downlink, error) {
	code, err := f.end(ctx)
	if err != nil {
		return downlink{}, err
	}
	d, err := p.look(ctx, disk, box, came)
	switch {
	case err != nil:
		return d, err
	case code != 0 || !d.whole || d.receipt == nil || d.receipt.Status != "complete":
		return d, wrongf("exit %d, not delivered, last: %s", code, last(f.Running))
	}
	return d, nil
}

// pass is one without a fault.
func (p *pair) pass(ctx context.Context, row *Row) error {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return err
	}
	f, err := p.fly(ctx, "disk.img", windowLength, nil)
	if err != nil {
		return err
	}
	begun, _ := f.Await(ctx, "VM start")
	if _, err := p.whole(ctx, f, "disk.img", box, false); err != nil {
		return err
	}
	end, _ := f.Await(ctx, "VM exit")
	p.span = end.At.Sub(begun.At)
	up, _ := f.Await(ctx, "VM up")
	row.Story = fmt.Sprintf("Linux %s; %.1f s from start to exit", strings.Fields(up.Text)[4], p.span.Seconds())
	return nil
}

// cut cuts the power of the fetching machine, in the middle of the file the
// first time, then at random instants of what a pass takes, and opens the next
// window on the same disk.
func (p *pair) cut(ctx context.Context, row *Row) error {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return err
	}
	f, err := p.fly(ctx, "disk.img", windowLength, nil)
	if err != nil {
		return err
	}
	begun := time.Now()
	if row.N == 1 {
		err = f.third(ctx)
	} else {
		after, cancel := context.WithTimeout(ctx, time.Duration(p.random(row).Float64()*float64(p.span)))
		f.Wait(after)
		cancel()
	}
	f.Cut()
	if err != nil {
		return err
	}
	row.Cut, row.Proven = true, f.proven()
	row.Story = fmt.Sprintf("cut after %.1f s", time.Since(begun).Seconds())
	return p.next(ctx, row, "disk.img", box, nil)
}

// next looks at what a cut left on disk, then flies the next window there. What
// the cursor claims must be what that goes on from; what was proven beyond is
// told as lost.
func (p *pair) next(ctx context.Context, row *Row, disk, box string, set func(*vm.Machine)) error {
	left, err := p.look(ctx, disk, box, false)
	if err != nil {
		return fmt.Errorf("after the cut: %w", err)
	}
	f, err := p.fly(ctx, disk, windowLength, set)
	if err != nil {
		return err
	}
	if _, err := p.whole(ctx, f, disk, box, left.whole); err != nil {
		return fmt.Errorf("in the next window: %w", err)
	}
	row.Resumed = f.resumed()
	switch {
	case left.whole:
		row.Story += ", the file was delivered already"
	case row.Resumed < left.claimed:
		return wrongf("the cursor claimed %d bytes, the next window went on from %d", left.claimed, row.Resumed)
	default:
		row.Lost = max(0, row.Proven-row.Resumed)
		row.Story += fmt.Sprintf(", %s bytes proven, next window from %s, %s lost", plan.Grouped(row.Proven), plan.Grouped(row.Resumed), plan.Grouped(row.Lost))
	}
	return nil
}

// unplugged pulls the cable in the middle of the file, for some seconds.
func (p *pair) unplugged(ctx context.Context, row *Row) error {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return err
	}
	f, err := p.fly(ctx, "disk.img", windowLength, nil)
	if err != nil {
		return err
	}
	err = f.third(ctx)
	at := f.proven()
	p.ether.Connect(false)
	defer p.ether.Connect(true)
	if err != nil {
		f.Cut()
		return err
	}
	outage, cancel := context.WithTimeout(ctx, outageLength)
	defer cancel()
	if _, ok := f.Await(outage, "VM exit"); ok {
		return wrongf("the fetcher ended without a line, last: %s", last(f.Running))
	}
	p.ether.Connect(true)
	if _, err := p.whole(ctx, f, "disk.img", box, false); err != nil {
		return err
	}
	row.Story = fmt.Sprintf("no line for %v from %s bytes on, the file came in the same window", outageLength, plan.Grouped(at))
	return nil
}

// serverBack cuts the SDR's power in the middle of the file and switches it on
// again: the fetcher has to bring the file in the same window.
func (p *pair) serverBack(ctx context.Context, row *Row) error {
	f, err := p.cutServer(ctx, windowLength)
	if err != nil {
		return err
	}
	at := f.proven()
	if err := p.serve(ctx); err != nil {
		f.Cut()
		return err
	}
	if _, err := p.whole(ctx, f, "disk.img", box, false); err != nil {
		return err
	}
	row.Story = fmt.Sprintf("the server was cut at %s bytes and booted again, the file came in the same window", plan.Grouped(at))
	return nil
}

// cutServer flies until a third of the file is there, and cuts the SDR's power.
func (p *pair) cutServer(ctx context.Context, length time.Duration) (*flight, error) {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return nil, err
	}
	f, err := p.fly(ctx, "disk.img", length, nil)
	if err != nil {
		return nil, err
	}
	if err := f.third(ctx); err != nil {
		f.Cut()
		return nil, err
	}
	p.off()
	return f, nil
}

// serverGone cuts the SDR's power for good: the fetcher has to publish what it
// has before its own power goes, and the next window brings the rest.
func (p *pair) serverGone(ctx context.Context, row *Row) error {
	f, err := p.cutServer(ctx, p.shortest())
	if err != nil {
		return err
	}
	proven := f.proven()
	code, err := f.end(ctx)
	if err != nil {
		return err
	}
	end, _ := f.Await(ctx, "VM exit")
	d, err := p.look(ctx, "disk.img", box, false)
	switch {
	case err != nil:
		return err
	case code != 3 || d.receipt == nil || d.receipt.Status != "partial" || d.part < proven:
		return wrongf("%d bytes were proven; exit %d, a part of %d bytes, receipt %+v", proven, code, d.part, d.receipt)
	}
	row.Story = fmt.Sprintf("a part of %s bytes published %.1f s before power went", plan.Grouped(d.part), f.until.Sub(end.At).Seconds())
	row.Proven = d.part
	return p.next(ctx, row, "disk.img", box, nil)
}

// shortest is a window in which a third of the file comes for sure, and that
// ends soon.
func (p *pair) shortest() time.Duration {
	return (2*p.span + 4*time.Second).Truncate(time.Second)
}

// clock is a pass in which neither clock is set.
func (p *pair) clock(ctx context.Context, row *Row) error {
	p.off()
	p.epoch = time.Unix(1, 0) // qemu takes no 0
	defer func() {
		p.off()
		p.epoch = time.Time{}
	}()
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return err
	}
	f, err := p.fly(ctx, "disk.img", windowLength, nil)
	if err != nil {
		return err
	}
	d, err := p.whole(ctx, f, "disk.img", box, false)
	if err != nil {
		return err
	}
	up, _ := f.Await(ctx, "VM up")
	if at := strings.Fields(up.Text)[3]; len(at) > 4 || d.receipt.Clock != "untrusted" {
		return wrongf("the clock showed %s, and the receipt calls it %s", at, d.receipt.Clock)
	}
	row.Story = "both machines' clocks at 1970, receipt: clock " + d.receipt.Clock
	return nil
}

// handOver sends one program, to the SDR alone (docs/contract.md, "What goes up").
func (p *pair) handOver(ctx context.Context, row *Row) error {
	p.off()
	defer p.off()
	old := p.spec
	defer func() { p.spec = old }()
	p.spec.HandOver = true
	var err error
	if p.spec.Artifacts, _, err = deploy.Artifacts(p.Bin, p.spec); err != nil {
		return err
	}
	a := p.spec.Artifacts[0]
	if err := p.format(ctx, "sdr.img", map[string][]byte{path: p.log}, a); err != nil {
		return err
	}
	if err := p.format(ctx, "disk.img", nil); err != nil {
		return err
	}
	f, err := p.fly(ctx, "disk.img", 2*windowLength, nil)
	if err != nil {
		return err
	}
	if _, err := p.whole(ctx, f, "disk.img", box, false); err != nil {
		return err
	}
	begun, _ := f.Await(ctx, "VM start")
	end, _ := f.Await(ctx, "VM exit")
	row.Story = fmt.Sprintf("one program of %s bytes for both, %.1f s from start to exit", plan.Grouped(a.Size), end.At.Sub(begun.At).Seconds())
	return nil
}

package rehearsal

import (
	"context"
	"fmt"
	"os"

	"payload-ipc/pkg/desk/vm"
)

// The outbox is a directory of the disk, or a mount of its own, where a file is
// not renamed into it but linked: both are recorded.
var boxes = []string{box, "/persist/outbox"}

// disk is one disk as a cut at a random write leaves it when its drive forgets:
// checked, looked into, and flown on. Lost is told against a drive that forgets
// nothing.
func (p *pair) disk(ctx context.Context, row *Row) error {
	box := boxes[(row.N-1)%len(boxes)]
	mount := func(m *vm.Machine) { m.Outbox = box }
	log := p.file(fmt.Sprintf("writes.%d", (row.N-1)%len(boxes)))
	if _, err := os.Stat(log); err != nil {
		if err := p.record(ctx, log, box); err != nil {
			return err
		}
	}
	rec, err := vm.OpenRecording(log)
	if err != nil {
		return err
	}
	defer rec.Close()
	rnd := p.random(row)
	n := 1 + rnd.IntN(rec.Len())

	// What no drive may forget, and what the best drive had kept.
	least, _, err := p.remains(ctx, rec, n, vm.Drop, box)
	if err != nil {
		return fmt.Errorf("a drive that forgot everything: %w", err)
	}
	most, _, err := p.remains(ctx, rec, n, vm.Keep, box)
	if err != nil {
		return fmt.Errorf("a drive that forgot nothing: %w", err)
	}
	left, how, err := p.remains(ctx, rec, n, vm.Volatile(rnd), box)
	if err != nil {
		return err
	}
	row.Cut, row.Proven = true, most.claimed
	row.Story = fmt.Sprintf("cut behind write %d of %d, of those not flushed %d kept, %d torn, %d dropped", n, rec.Len(), how.Kept, how.Torn, how.Dropped)
	if !left.whole && (least.whole || left.claimed < least.claimed) {
		return wrongf("what was flushed is gone: %d bytes claimed, want at least %d (delivered: %v)", left.claimed, least.claimed, least.whole)
	}
	if most.whole {
		row.Proven = logBytes
	}
	return p.next(ctx, row, "disk.img", box, mount)
}

// record flies one window with every write recorded into the file log.
func (p *pair) record(ctx context.Context, log, box string) error {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return err
	}
	if err := vm.NewRecording(log); err != nil {
		return err
	}
	// A slower line: more of the writes are those of a fetch.
	p.ether.Limit(lineRate / 3)
	defer p.ether.Limit(lineRate)
	f, err := p.fly(ctx, "disk.img", windowLength, func(m *vm.Machine) { m.Outbox, m.Record = box, log })
	if err != nil {
		return err
	}
	// To the end of the machine, for its emulator completes the log.
	window, cancel := context.WithDeadline(ctx, f.until)
	defer cancel()
	f.Wait(window)
	_, err = p.whole(ctx, f, "disk.img", box, false)
	return err
}

// remains makes disk.img what a cut behind the n-th write leaves, and looks into it.
func (p *pair) remains(ctx context.Context, rec *vm.Recording, n int, fate vm.Fate, box string) (downlink, vm.Remains, error) {
	if err := vm.Copy(ctx, p.file("fresh.img"), p.file("disk.img")); err != nil {
		return downlink{}, vm.Remains{}, err
	}
	how, err := rec.Cut(p.file("disk.img"), n, fate)
	if err != nil {
		return downlink{}, how, err
	}
	d, err := p.look(ctx, "disk.img", box, false)
	return d, how, err
}

// Package flash is a disk on the desk that behaves like the flash of a small
// board: it takes its time, stalls, fills up, fails, and forgets at a power cut
// what nobody synced. It is a file system in user space (FUSE) over a directory
// of this machine, from which it is filled when it is mounted and to which it
// returns, when it is unmounted, what a power cut at that instant leaves.
//
// What is durable is what POSIX promises and no more: the bytes and the length
// of a file by its fsync or fdatasync, the names in a directory by the fsync of
// that directory. A rename is atomic. Of everything else any part may survive,
// in any order: pages whole, torn or not at all, a length without its bytes,
// names or their removal. Which, follows from Spec.Seed and the calls.
package flash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A Spec says what a disk is like. The zero value takes no time, never fails
// and has no end; it still forgets.
type Spec struct {
	Read  int64 // bytes a second of what was not read since power on; 0: no limit
	Write int64 // bytes a second that a sync brings to the flash; 0: no limit

	// A sync takes between SyncMin and SyncMax, and the time of its dirty bytes
	// at Write. Syncs and reads wait for each other: there is one device.
	SyncMin, SyncMax time.Duration

	// Of so many syncs one more stalls, at random, while blocks are erased, for
	// between StallMin and StallMax. 0: none does.
	StallEach          int
	StallMin, StallMax time.Duration

	Size   int64 // bytes for the contents of files, 0: no limit
	Seed   uint64
	Errors []Error
}

// An Error is what the disk answers to one call, counted from Arm on.
type Error struct {
	Op    Op
	Nth   int // of the calls that are an Op, from 1
	Errno syscall.Errno
}

// An Op is a kind of call to the disk.
type Op int

const (
	Any   Op = iota // whatever changes something, and syncs
	Write           // of bytes
	Sync            // of a file or a directory
)

var presets = map[string]Spec{
	"emmc": {Read: 166e6, Write: 40e6, SyncMin: 5 * time.Millisecond, SyncMax: 30 * time.Millisecond,
		StallEach: 60, StallMin: 100 * time.Millisecond, StallMax: 250 * time.Millisecond},
	"sdcard": {Read: 20e6, Write: 4e6, SyncMin: 20 * time.Millisecond, SyncMax: 200 * time.Millisecond,
		StallEach: 20, StallMin: 250 * time.Millisecond, StallMax: 3 * time.Second},
	"memory": {},
}

// Preset finds a disk by its name. Sources are named; what has none is assumed.
//
//   - emmc: the 8 GB eMMC of a Cortex-A53 board reads 166 and writes 40 MB/s, as
//     the vendor measured it (Gateworks, Venice). A sync of little is assumed to
//     take 5 to 30 ms; one in 60 meets an erase cycle, of no more than the 250 ms
//     that the SD specification allows a write to be busy.
//   - sdcard: a worn card of speed class 4, which means 4 MB/s (SD Physical Layer
//     Specification 4.10, table 4-59). Its limits of 250 and 500 ms for a busy
//     write and 750 ms for an update of the FAT are exceeded by cards in the
//     field: Linux waits 3 s (drivers/mmc/core/core.c, mmc_set_data_timeout). One
//     sync in 20 is assumed to stall, for 0.25 to 3 s.
//   - memory: takes no time, forgets all the same.
func Preset(name string) (Spec, error) {
	s, ok := presets[name]
	if !ok {
		return s, fmt.Errorf("disk %q is not one of %s", name, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	}
	return s, nil
}

// A Wait is one sync that took its time.
type Wait struct {
	At   time.Time
	For  time.Duration
	Held bool // it had not returned when the power went
}

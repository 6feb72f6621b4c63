package mockfm

import (
	"fmt"
	"time"
)

// A sandbox runs payloads: powered on for a window, off at its end.
type sandbox interface {
	name() string
	// foreign says how programs of the payloads' own machine run, or why they
	// cannot.
	foreign() (how string, err error)
	// open powers a payload on and starts the program. An error means that it
	// was never on.
	open(box) error
	// link pulls or plugs the payload's cable.
	link(id string, up bool) error
	// close cuts cable and power, and tells what became of the program.
	close(id string) outcome
	// shut closes all and leaves nothing behind.
	shut() error
}

// A box is one payload during one window.
type box struct {
	ID        string // the window's
	Satellite string
	Payload   string
	Root      string // its file system, on this machine
	System    string // its read-only parts: etc, home, var
	Addrs     []string
	Program   string
	Args      []string
	Stdout    string // files that take what is never downlinked
	Stderr    string
	Clock     time.Duration // payload time minus host time
	Steps     []step
	Outbox    int64 // room in bytes, 0: as the disk
}

// A step moves a payload's clock while it runs.
type step struct{ At, By time.Duration }

// An outcome is what became of a window's program.
type outcome struct {
	Failed string        // it did not start, and why
	Ended  string        // how it ended by itself, "" if it ran until the end
	After  time.Duration // when it ended by itself
}

func (o outcome) String() string {
	switch {
	case o.Failed != "":
		return "did not start: " + o.Failed
	case o.Ended != "":
		return fmt.Sprintf("%s after %.1f s", o.Ended, o.After.Seconds())
	}
	return "killed at the end of the window"
}

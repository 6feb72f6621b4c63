// Package sandbox runs one program as a payload computer would: in a root of
// its own with read-only system mounts, on a network that is there only while
// others are on, under a clock of its own, until its power goes. It knows no
// Tasking API: it takes the description of a payload and tells what becomes of
// it in typed events.
//
// On Linux with user namespaces that is all true (kind namespaces); elsewhere
// programs run on the host itself, by loopback (kind plain). For the former the
// running executable is started again under other names (see reexec_linux.go).
package sandbox

import (
	"fmt"
	"time"

	"payload-ipc/pkg/desk/flash"
)

// Config of a Sandbox.
type Config struct {
	Kind     string // auto (default): namespaces, else plain
	Emulator string // of aarch64 programs, default qemu-aarch64-static
	Dir      string // scratch of the sandbox, made by it
	Event    func(Event)
}

// A Sandbox runs payloads: each powered on by Open, off by Close. Its methods
// may be called from several goroutines.
type Sandbox interface {
	// Kind is namespaces or plain.
	Kind() string
	// Foreign says how programs of the payloads' own machine run, such as
	// "under qemu-aarch64-static", or why they cannot.
	Foreign() (how string, err error)
	// Disk says why payloads cannot have a Disk here.
	Disk() error
	// Open powers a payload on and starts its program. An error means that it
	// was never on.
	Open(Payload) error
	// Link pulls or plugs the cable of the payload with this ID.
	Link(id string, up bool) error
	// Cut ends a payload as a power failure does.
	Cut(id string) error
	// Close ends a payload as the end of its window does, and tells what became
	// of its program. After a Cut it tells of that; one that never was on is
	// Killed.
	Close(id string) Outcome
	// Shut closes all and leaves nothing behind.
	Shut() error
}

// A Payload is one payload computer from power on to power off.
type Payload struct {
	ID     string // of this time that it is on
	Bus    string // payloads of one bus reach each other while they are on
	Name   string // its host name
	Root   string // its file system, a directory of this machine
	System string // its read-only parts: etc, home, var
	Addrs  []string

	Program string
	Args    []string
	// Without a root of its own: what its Args have for addresses that are
	// loopback there, and what is added to them.
	Peers []string
	Plain []string

	Stdout string // files that take what is never downlinked
	Stderr string

	Clock time.Duration // payload time minus host time
	Steps []Step

	// Disk is what Root stands on; nil is this machine's own, which keeps
	// everything at a cut. So it is where Sandbox.Disk gives an error.
	Disk   *flash.Spec
	Outbox int64 // room in bytes of an /outbox that is a disk of its own, 0: it is none

	// With a root of its own: directories of it that take no files, and files of
	// this machine that stand in for its programs, by name.
	ReadOnly []string
	Programs map[string]string
}

// A Step moves a payload's clock by By, At after it was powered on.
type Step struct{ At, By time.Duration }

// An End is how a program ended.
type End int

const (
	Killed   End = iota // alive until Close
	Lost                // alive until Cut
	Refused             // it did not start
	Exited              // by itself
	Signaled            // by a signal that is not ours
)

// An Outcome is what became of a program.
type Outcome struct {
	End    End
	Exit   int           // of Exited
	Signal string        // of Signaled
	Why    string        // of Refused
	After  time.Duration // of Exited and Signaled, since power on

	// Syncs of the payload's disk that took long, and those that the power
	// ended: a process that is in one cannot end, nor be killed.
	Syncs []flash.Wait
}

func (o Outcome) String() string {
	switch o.End {
	case Lost:
		return "killed by the power cut"
	case Refused:
		return "did not start: " + o.Why
	case Exited:
		return fmt.Sprintf("exit %d after %.1f s", o.Exit, o.After.Seconds())
	case Signaled:
		return fmt.Sprintf("signal %s after %.1f s", o.Signal, o.After.Seconds())
	}
	return "killed at the end of the window"
}

// A Kind of Event.
type Kind int

const (
	NoNamespaces Kind = iota + 1 // kind auto became plain: Why
	NoEmulator                   // programs of Arch do not run here: Why
)

// An Event is something that whoever runs a Sandbox should know.
type Event struct {
	Kind Kind
	Arch string
	Why  string
}

func (e Event) String() string {
	switch e.Kind {
	case NoNamespaces:
		return "plain sandbox, programs share this machine's files and loopback: " + e.Why
	case NoEmulator:
		return fmt.Sprintf("%s programs cannot run: %s", e.Arch, e.Why)
	}
	return e.Why
}

// New starts the sandbox that cfg asks for.
func New(cfg Config) (Sandbox, error) {
	if cfg.Kind == "" {
		cfg.Kind = "auto"
	}
	if cfg.Emulator == "" {
		cfg.Emulator = "qemu-aarch64-static"
	}
	if cfg.Event == nil {
		cfg.Event = func(Event) {}
	}
	switch cfg.Kind {
	case "auto", "namespaces":
		n, err := newNamespaces(cfg)
		if err == nil || cfg.Kind == "namespaces" {
			return n, err
		}
		cfg.Event(Event{Kind: NoNamespaces, Why: err.Error()})
	case "plain":
	default:
		return nil, fmt.Errorf("sandbox %q is not one of auto, namespaces, plain", cfg.Kind)
	}
	return newPlain(), nil
}

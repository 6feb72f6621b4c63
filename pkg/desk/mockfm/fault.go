package mockfm

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/ground/plan"
)

// A Fault is one thing that goes wrong on request. ParseFault makes one from
// text; FaultHelp says how.
type Fault struct {
	Place      string // a call's name, any, or a payload's name
	Kind       FaultKind
	Status     int           // of kind Status
	Skip       int           // so many occasions go well first
	Times      int           // then so many go wrong, 0: all
	Delay      time.Duration // of kinds Slow, Lag and Cached
	RetryAfter time.Duration // header, with a status
	At, For    time.Duration // from the window's opening; For 0: until its end
	By         time.Duration // of kind ClockStep
	Size       int64         // of kind DiskFull, bytes

	// Of kind DiskSlow: bytes a second, the longest sync, the longest stall.
	Rate        int64
	Sync, Stall time.Duration

	// Of kind DiskError: the Nth of these calls fails so.
	Op    flash.Op
	Nth   int
	Errno syscall.Errno

	Program string // of kinds Absent and Says
	Text    string // of kind Says
	Dir     string // of kind ReadOnly
	Addr    string // of kind Address

	seen int
}

// A FaultKind is what goes wrong; FaultHelp says what each does.
type FaultKind string

// Kinds of a call's faults, and of a payload's.
const (
	LostBefore   FaultKind = "lost-before"
	LostAfter    FaultKind = "lost-after"
	Half         FaultKind = "half"
	Status       FaultKind = "status"
	HTML         FaultKind = "html"
	Big          FaultKind = "big"
	Types        FaultKind = "types"
	UnknownState FaultKind = "unknown-state"
	Slow         FaultKind = "slow"
	Lag          FaultKind = "lag"
	Twice        FaultKind = "twice"
	Cached       FaultKind = "cached"

	ClockUnset FaultKind = "clock-unset"
	ClockStep  FaultKind = "clock-step"
	LinkCut    FaultKind = "link-cut"
	PowerCut   FaultKind = "power-cut"
	DiskFull   FaultKind = "disk-full"
	DiskSlow   FaultKind = "disk-slow"
	DiskError  FaultKind = "disk-error"
	ReadOnly   FaultKind = "read-only"
	Absent     FaultKind = "absent"
	Says       FaultKind = "says"
	Address    FaultKind = "address"
)

// FaultHelp is the grammar of ParseFault.
const FaultHelp = `PLACE=KIND[,KEY=VALUE]...
  PLACE is a call (satellites availability upload uploads window windows delete any):
    lost-before    the connection is cut before the call takes effect
    lost-after     ... after it took effect
    half           half of the answer arrives, then the connection is cut
    400 ... 599    this status, and no effect; retry-after=D adds the header
    html, big      an HTML page, or 5 MB of JSON, with status 200 and no effect
    types          JSON of the wrong types, with status 200 and no effect
    unknown-state  every status and state reads ON_HOLD
    slow           the answer takes delay=D (default 5s)
    lag            (uploads windows) the listing is as it was delay=D ago
    twice          (window) it takes effect twice, as if something on the way repeated it
    cached         the answer's Date is delay=D old, Age says so, and nothing tells of a simulation
    skip=N lets N calls go well first, times=N is how many then go wrong (default 1, 0 all)
  PLACE is a payload (SDR SABERTOOTH IPI DEXTER):
    clock-unset    the clock starts at 1970
    clock-step     at=D after the window opens it steps by=D (may be negative)
    link-cut       at=D the cable is pulled, for=D (default: until the end)
    power-cut      at=D the power goes: programs die, the other side hears silence;
                   of what was not synced any part is lost, in any order
    disk-full      /outbox is a disk of its own that holds size=BYTES (default 64KB)
    disk-slow      rate=BYTES a second (default 4MB), sync=D the longest sync (default
                   200ms), stall=D one sync in ten takes up to so long (default none)
    disk-error     nth=N the N-th call (default 1) of op=any|write|sync (default any)
                   fails with errno=eio|enospc|erofs (default eio); after erofs the
                   disk is read-only
    read-only      dir=PATH (default /persist) takes no files
    absent         there is no program=NAME (default wget)
    says           program=NAME does nothing but print text=TEXT, without commas
    address        its address is addr=ADDRESS (default 10.2.1.77)
    skip, times as above, counted in windows (default: every window)
  example: window=lost-after,skip=1  SDR=clock-step,at=10s,by=-1h`

var (
	callNames    = []string{"satellites", "availability", "upload", "uploads", "window", "windows", "delete", "any"}
	callKinds    = []FaultKind{LostBefore, LostAfter, Half, HTML, Big, Types, UnknownState, Slow, Lag, Twice, Cached}
	payloadKinds = []FaultKind{ClockUnset, ClockStep, LinkCut, PowerCut, DiskFull, DiskSlow, DiskError, ReadOnly, Absent, Says, Address}
)

// ParseFault reads what FaultHelp describes.
func ParseFault(s string) (Fault, error) {
	var f Fault
	words := strings.Split(s, ",")
	place, kind, ok := strings.Cut(words[0], "=")
	if !ok {
		return f, fmt.Errorf("fault %q: want PLACE=KIND", s)
	}
	f.Place, f.Kind = place, FaultKind(kind)
	status, err := strconv.Atoi(kind)
	isCall := slices.Contains(callNames, place)
	switch {
	case isCall && err == nil && status >= 400 && status <= 599:
		f.Kind, f.Status, f.Times = Status, status, 1
	case isCall && slices.Contains(callKinds, f.Kind):
		f.Times, f.Delay = 1, 5*time.Second
	case !isCall && findPayload(place) != nil && slices.Contains(payloadKinds, f.Kind):
		switch f.Kind {
		case DiskFull:
			f.Size = 64_000
		case DiskSlow:
			f.Rate, f.Sync = 4_000_000, 200*time.Millisecond
		case DiskError:
			f.Nth, f.Errno = 1, syscall.EIO
		case ReadOnly:
			f.Dir = "/persist"
		case Absent:
			f.Program = "wget"
		case Says:
			f.Program = "xz"
		case Address:
			f.Addr = "10.2.1.77"
		}
	case !isCall && findPayload(place) == nil:
		return f, fmt.Errorf("fault %q: no call or payload is named %q", s, place)
	default:
		return f, fmt.Errorf("fault %q: %s cannot have %q", s, place, kind)
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		var err error
		switch key {
		case "skip":
			f.Skip, err = strconv.Atoi(value)
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		case "retry-after":
			f.RetryAfter, err = time.ParseDuration(value)
		case "at":
			f.At, err = time.ParseDuration(value)
		case "for":
			f.For, err = time.ParseDuration(value)
		case "by":
			f.By, err = time.ParseDuration(value)
		case "size":
			f.Size, err = plan.ParseSize(value)
		case "rate":
			f.Rate, err = plan.ParseSize(value)
		case "sync":
			f.Sync, err = time.ParseDuration(value)
		case "stall":
			f.Stall, err = time.ParseDuration(value)
		case "nth":
			if f.Nth, err = strconv.Atoi(value); err == nil && f.Nth < 1 {
				err = fmt.Errorf("calls count from 1")
			}
		case "op":
			f.Op, err = oneOf(value, diskOps)
		case "errno":
			f.Errno, err = oneOf(value, errnos)
		case "program":
			if f.Program = value; value == "" || strings.Contains(value, "/") {
				err = fmt.Errorf("want a name, without its directory")
			}
		case "text":
			f.Text = value
		case "dir":
			if f.Dir = value; !path.IsAbs(value) || path.Clean(value) != value {
				err = fmt.Errorf("want an absolute path")
			}
		case "addr":
			f.Addr = value
			_, err = netip.ParseAddr(value)
		default:
			err = fmt.Errorf("no such key")
		}
		if err == nil && (f.Skip < 0 || f.Times < 0 || f.Delay < 0 || f.At < 0 || f.For < 0 || f.Sync < 0 || f.Stall < 0) {
			err = fmt.Errorf("must not be negative")
		}
		if err != nil {
			return f, fmt.Errorf("fault %q: %s: %v", s, w, err)
		}
	}
	return f, nil
}

var (
	diskOps = map[string]flash.Op{"any": flash.Any, "write": flash.Write, "sync": flash.Sync}
	errnos  = map[string]syscall.Errno{"eio": syscall.EIO, "enospc": syscall.ENOSPC, "erofs": syscall.EROFS}
)

// oneOf finds the value of a word.
func oneOf[T any](word string, all map[string]T) (T, error) {
	v, ok := all[word]
	if !ok {
		return v, fmt.Errorf("not one of %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return v, nil
}

// slow makes a disk as slow as a fault of kind DiskSlow says.
func (f *Fault) slow(s *flash.Spec) {
	s.Write, s.SyncMin, s.SyncMax = f.Rate, f.Sync/10, f.Sync
	if f.Stall > 0 {
		s.StallEach, s.StallMin, s.StallMax = 10, f.Stall/5, f.Stall
	}
}

// AddFault has f happen from now on.
func (m *Mock) AddFault(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, &f)
}

// takeFaults counts an occasion at place, and returns what goes wrong with it.
func (m *Mock) takeFaults(place string) (due []*Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.faults {
		if f.Place != place && (f.Place != "any" || !slices.Contains(callNames, place)) {
			continue
		}
		f.seen++
		if n := f.seen - f.Skip; n > 0 && (f.Times == 0 || n <= f.Times) {
			due = append(due, f)
		}
	}
	return due
}

// takeFault is for calls, with which one thing goes wrong at a time.
func (m *Mock) takeFault(call string) *Fault {
	if due := m.takeFaults(call); len(due) > 0 {
		m.note("fault with %s: %s", call, due[0])
		return due[0]
	}
	return nil
}

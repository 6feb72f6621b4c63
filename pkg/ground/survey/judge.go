package survey

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// A State is what a survey says of an assumption.
type State string

// States of an assumption. Unknown is what the survey could not see: no
// absence is taken for a fact where nobody could have seen a presence.
const (
	Holds   State = "holds"
	Differs State = "differs"
	Unknown State = "unknown"
)

// A Finding is one assumption, and what a survey says of it.
type Finding struct {
	Assumption string `json:"assumption"`
	State      State  `json:"state"`
	Got        string `json:"got"`    // what the payload said, "" for nothing
	Change     string `json:"change"` // what to do where it differs, else ""
}

// Expected is what docs/platform.md says of one type of payload.
type Expected struct {
	Machine string   // as uname -m: aarch64, armv7l
	Addrs   []string // one of these is the payload's own; none: it is not documented
}

const (
	minSpace  = 64 << 20        // bytes free in /persist: two programs, packed and unpacked, and a stage
	clockSlip = 2 * time.Minute // as far as the programs believe a clock beside --for
	early     = 5 * time.Second // how much shorter than scheduled a window may look from inside
)

// Findings judges f against what is assumed of such a payload, the most
// important first.
func (f Facts) Findings(e Expected) []Finding {
	all := []Finding{
		f.kernel(e.Machine),
		f.directory("/outbox", "without it nothing comes down: ask the operator"),
		f.directory("/persist", "the programs unpack into /var/tmp, /dev/shm or /tmp where they can; ask the operator for a place that keeps files between windows"),
		f.space(),
	}
	for _, tool := range [][2]string{
		{"sh", "no packed program can start: ask the operator"},
		{"xz", "no packed program can start: send the bare programs of bin/linux-arm64"},
		{"sha256sum", "no packed program can start: send the bare programs of bin/linux-arm64"},
		{"wget", "leave --hand-over out"},
	} {
		all = append(all, f.tool(tool[0], tool[1]))
	}
	all = append(all, f.xz(), f.address(e.Addrs))
	for _, p := range f.pings {
		all = append(all, ping(p[0], p[1]))
	}
	return append(all, f.clock(), f.length(), f.end(), f.agent(),
		f.told("the user that programs run as", "user"), f.env(), f.told("the mount of /persist", "mount /persist"))
}

// settle is the finding on a value that the survey has or has not.
func settle(assumption, got string, seen, holds bool, change string) Finding {
	switch {
	case !seen:
		return Finding{assumption, Unknown, got, ""}
	case holds:
		return Finding{assumption, Holds, got, ""}
	}
	return Finding{assumption, Differs, got, change}
}

// value is what the survey has under key.
func (f Facts) value(key string) (got string, seen bool) {
	got, seen = f.values[key]
	return strings.TrimSpace(got), seen
}

// told is what nothing depends on, and is good to know.
func (f Facts) told(what, key string) Finding {
	got, seen := f.value(key)
	return settle(what+" (nothing depends on it)", got, seen, true, "")
}

func (f Facts) env() Finding {
	got, seen := f.value("env")
	home, tmp, _ := strings.Cut(got, ",")
	or := func(s string) string {
		if s == "" {
			return "unset"
		}
		return s
	}
	if seen {
		got = "HOME " + or(home) + ", TMPDIR " + or(tmp)
	}
	return settle("HOME and TMPDIR (nothing depends on it)", got, seen, true, "")
}

func (f Facts) kernel(machine string) Finding {
	got, seen := f.value("kernel")
	return settle("Linux on "+machine, got, seen, strings.HasPrefix(got, "Linux ") && strings.HasSuffix(got, " "+machine),
		"the programs do not run there: build for its processor (make FLIGHT_ARCH=arm for 32 bits)")
}

func (f Facts) directory(dir, change string) Finding {
	got, seen := f.value("write " + dir)
	return settle(dir+" takes files that can be executed", got, seen, got == "runs", change)
}

func (f Facts) space() Finding {
	got, _ := f.value("space /persist")
	fields := strings.Fields(got) // df -P: file system, blocks, used, available, capacity, where
	if len(fields) < 4 {
		return settle("/persist has room", got, false, false, "")
	}
	kib, err := strconv.ParseInt(fields[3], 10, 64)
	return settle(fmt.Sprintf("/persist has %d MiB free", int64(minSpace>>20)), fmt.Sprintf("%d MiB", kib>>10), err == nil, kib >= minSpace>>10,
		"remove what no window uses any more, or ask the operator")
}

func (f Facts) tool(name, change string) Finding {
	got, seen := f.value("has " + name)
	return settle("there is "+name, got, seen, got != "", change)
}

func (f Facts) xz() Finding {
	got, seen := f.value("xz")
	fields := strings.Fields(got)
	seen = seen && strings.HasPrefix(got, "xz (XZ Utils) ") && len(fields) == 4
	holds := false
	if seen {
		major, rest, _ := strings.Cut(fields[3], ".")
		minor, _, _ := strings.Cut(rest, ".")
		a, err1 := strconv.Atoi(major)
		b, err2 := strconv.Atoi(minor)
		seen = err1 == nil && err2 == nil
		holds = a > 5 || a == 5 && b >= 2
	}
	return settle("xz is 5.2 or newer", got, seen, holds, "the packed programs may not unpack: rehearse with that version")
}

func (f Facts) address(addrs []string) Finding {
	got, seen := f.value("net")
	found := false
	var own []string
	for _, a := range strings.Fields(got) {
		if strings.Count(a, ".") != 3 || strings.HasPrefix(a, "127.") || strings.HasSuffix(a, ".0") {
			continue
		}
		if !slices.Contains(own, a) { // each is in two tables
			own = append(own, a)
		}
		for _, want := range addrs {
			found = found || a == want
		}
	}
	if len(addrs) == 0 {
		return settle("its address (not documented)", strings.Join(own, " "), seen && len(own) > 0, true, "")
	}
	return settle("its address is "+strings.Join(addrs, " or "), strings.Join(own, " "), seen && len(own) > 0, found,
		"name the address that is there: --sdr for the serving payload, --allow for the fetching one")
}

func ping(to, code string) Finding {
	// A payload whose window does not overlap is not there, and some answer no ping.
	got := "no answer"
	switch code {
	case "0":
		got = "answers"
	case "127": // of the shell (POSIX 2.8.2)
		got = "there is no ping"
	}
	return settle(to+" can be reached", got, code == "0", true, "")
}

func (f Facts) clock() Finding {
	got, seen := f.value("clock")
	n, err := strconv.ParseInt(got, 10, 64)
	if !seen || err != nil {
		return settle("the clock is right", got, false, false, "")
	}
	slip := time.Unix(n, 0).Sub(f.Start)
	return settle("the clock is right", tasking.Span(slip.Abs())+" off the window's start", true, slip.Abs() <= clockSlip,
		"nothing: the programs go by --for then; their times in receipts and logs mean nothing but their order")
}

func (f Facts) length() Finding {
	return settle("the window lasts as long as scheduled", tasking.Span(f.Lived)+" of "+tasking.Span(f.Duration), f.Lived > 0, f.Lived >= f.Duration-early,
		"give --until and --for that are "+tasking.Span(f.Duration-f.Lived)+" shorter, or windows that are longer")
}

func (f Facts) end() Finding {
	var came []string
	for _, s := range f.signals {
		came = append(came, fmt.Sprintf("SIG%s %s before the last word", s.Name, tasking.Span(f.Lived-s.At)))
	}
	got := strings.Join(came, ", ")
	if got == "" {
		got = "power goes without a signal"
	}
	return settle("how a window ends (nothing depends on it)", got, f.Lived > 0, true, "")
}

func (f Facts) agent() Finding {
	got, seen := f.value("agent")
	return settle("the payload's own agent on port 2005 (nothing depends on it)", got, seen, true, "")
}

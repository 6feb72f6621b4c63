// Package plan is a deployment on paper: which bytes go up and how long that
// takes, which windows run what, how long they overlap, what earliest start
// satisfies everything.
//
// Facts go in, an immutable Plan comes out, and its Actions are what
// pkg/ground/deploy carries out. It asks nobody but the Calendar it is given.
package plan

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/flight/outbox"
)

const (
	// Server and Fetcher are the programs of a pair, and the names under which
	// they, or the one that holds both, lie on a payload.
	Server  = "sdr-serve"
	Fetcher = "sabertooth-fetch"
	Both    = "payload"

	binDir = "/persist/bin/"

	// WorthwhileOverlap: below it, a plan warns. The tutorial has 30 s; a program
	// that unpacks itself and waits for its peer needs the first few.
	WorthwhileOverlap = 20 * time.Second

	// ContactEvery is how long even a tiny upload can wait (docs/platform.md).
	ContactEvery = 6 * time.Hour

	// RehearsalRate, in bytes a day, is far above what a satellite takes
	// (about 125 KB, docs/platform.md).
	RehearsalRate = 10_000_000

	// MinPort: "use 10001 and above" (docs/platform.md).
	MinPort = 10001

	// DefaultPort is sdr-serve's own; only another one is told to it.
	DefaultPort = 10101

	// DefaultPath is what is brought where nothing is named.
	DefaultPath = "/var/log/syslog"
)

var payloadNet = netip.MustParsePrefix("10.2.1.0/24")

// Artifact is a packed program, as it is sent up.
type Artifact struct {
	Program string `json:"program"` // "sdr-serve"
	Payload string `json:"payload"` // "SDR"
	File    string `json:"file"`    // local path
	Size    int64  `json:"bytes"`
	SHA256  string `json:"sha256"` // hex

	// Of an update, a patch against a version that is aboard:
	Base  string `json:"base,omitempty"`  // where that version lies as it was sent whole; as an update, behind a further "-"
	Makes string `json:"makes,omitempty"` // the first 8 digits of the hash that the program made has as it is sent whole
	OldID string `json:"-"`               // and of the old program's, unpacked

	// MadeBy is where an update that makes the same program lies; it runs in the
	// place of this one.
	MadeBy string `json:"made_by,omitempty"`

	// Unpacked is the program that this one unpacks or makes: hash in hex, bytes.
	// Without, it is the file itself.
	Unpacked     string `json:"-"`
	UnpackedSize int64  `json:"-"`
}

// Destination holds the content's hash, so that the list of uploads says what
// is aboard, and two versions never overwrite each other. That of an update
// begins as that of the program that it makes.
func (a Artifact) Destination() string {
	switch {
	case a.MadeBy != "":
		return a.MadeBy
	case a.Makes != "":
		return a.Whole() + "-" + a.SHA256[:8]
	}
	return a.Whole()
}

// Whole is the destination of the program that a is or makes, sent whole.
func (a Artifact) Whole() string {
	if a.Makes != "" {
		return binDir + a.Program + "-" + a.Makes
	}
	return binDir + a.Program + "-" + a.SHA256[:8]
}

// Runs is the hash, in hex, and the size of the program that runs in the end.
func (a Artifact) Runs() (sum string, size int64) {
	if a.Unpacked != "" {
		return a.Unpacked, a.UnpackedSize
	}
	return a.SHA256, a.Size
}

// File is one thing to be brought down.
type File struct {
	Path string // on the serving payload; a directory ends in a slash
	Name string // in the outbox; empty for a directory
}

// Spec is what the user asks for. All durations are whole seconds.
type Spec struct {
	Start         time.Time     // zero: the earliest that fits
	Lead          time.Duration // from now to the start, if Start is zero
	UplinkRate    int64         // bytes a day
	SDRDuration   time.Duration
	FetchDelay    time.Duration // from the SDR's start to the fetcher's
	FetchDuration time.Duration

	FromPayload, ToPayload string // "": SDR, SABERTOOTH

	SDR   []netip.Addr // where the fetcher looks for the server
	Port  int
	Files []File

	DownlinkBudget int
	ITAR           bool
	SkipUpload     bool // the programs are aboard already, or the API has no uploads
	HandOver       bool // one program goes up, the SDR hands it over
	Whole          bool // whole programs go up even where an update made the same one

	Artifacts []Artifact
}

// SpecError is something that no satellite could do; Flag says where it is.
type SpecError struct {
	Flag, Why string
}

func (e *SpecError) Error() string { return "--" + e.Flag + ": " + e.Why }

// Overlap is how long both windows are open.
func (s Spec) Overlap() time.Duration {
	return max(0, min(s.SDRDuration, s.FetchDelay+s.FetchDuration)-max(0, s.FetchDelay))
}

// Check finds what is wrong with s before anything is asked or sent. The error
// is a *SpecError.
func (s Spec) Check() error {
	for _, check := range []func() *SpecError{s.checkTimes, s.checkAddresses, s.checkFiles} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func bad(flag, format string, a ...any) *SpecError {
	return &SpecError{flag, fmt.Sprintf(format, a...)}
}

func (s Spec) checkTimes() *SpecError {
	for _, d := range []struct {
		flag string
		d    time.Duration
		p    Payload
	}{{"sdr-duration", s.SDRDuration, s.from()}, {"fetch-duration", s.FetchDuration, s.to()}} {
		if d.d < d.p.Min {
			return bad(d.flag, "%v is shorter than a %s window may be; give %v or more", d.d, d.p.Window(), d.p.Min)
		}
		if d.d > 24*time.Hour {
			return bad(d.flag, "%v is longer than a day; give less", d.d)
		}
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"sdr-duration", s.SDRDuration}, {"fetch-duration", s.FetchDuration}, {"fetch-delay", s.FetchDelay}, {"lead", s.Lead}} {
		if d.d < 0 {
			return bad(d.flag, "%v is negative; give 0s or more", d.d)
		}
		if d.d%time.Second != 0 {
			return bad(d.flag, "%v is not in whole seconds, as windows are; round it", d.d)
		}
	}
	switch {
	case s.Lead > 365*24*time.Hour:
		return bad("lead", "%v is more than a year; give less", s.Lead)
	case s.Overlap() <= 0:
		return bad("fetch-delay", "with %v the SDR's window of %v ends before the fetcher's begins, and the two never meet; give less", s.FetchDelay, s.SDRDuration)
	case s.UplinkRate < 1:
		return bad("uplink-rate", "nothing goes up at %d bytes a day; give a size such as 125KB", s.UplinkRate)
	case s.DownlinkBudget < 0:
		return bad("downlink-budget", "%d is negative; give 1", s.DownlinkBudget)
	}
	return nil
}

func (s Spec) checkAddresses() *SpecError {
	if len(s.SDR) == 0 {
		return bad("sdr", "no address; give the SDR's, such as 10.2.1.8")
	}
	for i, a := range s.SDR {
		for _, own := range s.to().Addrs {
			if a == own {
				return bad("sdr", "%v is the %s's own address; give the server's, such as 10.2.1.8", a, s.to().Name)
			}
		}
		for _, b := range s.SDR[:i] {
			if a == b {
				return bad("sdr", "%v is there twice; give it once", a)
			}
		}
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return bad("sdr", "%v is no address of a computer; give the SDR's, such as 10.2.1.8", a)
		}
	}
	if len(s.SDR) > 16 {
		return bad("sdr", "%d addresses are more than the fetcher tries; give at most 16", len(s.SDR))
	}
	if s.Port < MinPort || s.Port > 65535 {
		return bad("port", "%d is not between %d and 65535, the ports that the payloads leave open", s.Port, MinPort)
	}
	return nil
}

// checkFiles refuses what the fetcher would refuse, days later.
func (s Spec) checkFiles() *SpecError {
	if len(s.Files) == 0 {
		return bad("path", "nothing to bring; give one such as %s", DefaultPath)
	}
	var names []string
	for _, f := range s.Files {
		switch {
		case !strings.HasPrefix(f.Path, "/"):
			return bad("path", "%q is not an absolute path on the %s; give one such as %s", f.Path, s.from().Name, DefaultPath)
		case !printable(f.Path):
			return bad("path", "%q has a control character, or is not UTF-8; the listing and the logs could not show it", f.Path)
		case len(f.Path) > 1024:
			return bad("path", "%d bytes are more than a path may have; give at most 1,024", len(f.Path))
		}
		if f.Name == "" {
			continue
		}
		if strings.HasPrefix(f.Name, "-") || strings.Contains(f.Name, "=") {
			return bad("name", "%q cannot be the name of a file in the outbox; give a plain one such as sdr_syslog", f.Name)
		}
		names = append(names, f.Name)
	}
	for _, n := range names {
		if err := outbox.CheckName(n); err != nil {
			return bad("name", "%q cannot be the name of a file in the outbox: %v; give a plain one such as sdr_syslog", n, err)
		}
	}
	if err := outbox.CheckNames(names, Fetcher+".log", Server+".log"); err != nil {
		return bad("name", "%v; give each path another name, as PATH=NAME", err)
	}
	return nil
}

// printable refuses control characters and what is not UTF-8.
func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '�' {
			return false
		}
	}
	return true
}

// artifact is the one that is to run on payload, or that is handed over to it.
func (s Spec) artifact(payload string) Artifact {
	for _, a := range s.Artifacts {
		if a.Payload == payload {
			return a
		}
	}
	if s.HandOver && len(s.Artifacts) == 1 {
		return s.Artifacts[0]
	}
	panic("plan: no artifact for " + payload)
}

// Named gives the files without a name one of their own: the serving payload's
// and the last part of the path, or all of it where that would meet another.
// A directory's name stands before those of its files.
func (s Spec) Named() []File {
	prefix := strings.ToLower(s.from().Name) + "_"
	whole := func(p string) string { return prefix + strings.ReplaceAll(strings.Trim(p, "/"), "/", "_") }
	count := map[string]int{}
	last := func(f File) string {
		if strings.HasSuffix(f.Path, "/") {
			return whole(f.Path)
		}
		return prefix + path.Base(f.Path)
	}
	for _, f := range s.Files {
		if f.Name != "" {
			count[f.Name]++
			continue
		}
		count[last(f)]++
	}
	out := slices.Clone(s.Files)
	for i, f := range out {
		if f.Name != "" {
			continue
		}
		if out[i].Name = last(f); count[last(f)] > 1 {
			out[i].Name = whole(f.Path)
		}
	}
	return out
}

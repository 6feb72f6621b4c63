// Package plan is a deployment on paper: which bytes go up and how long that
// takes, which two windows run what, how long they overlap, what earliest start
// satisfies everything. It asks nobody and does nothing; pkg/ground/deploy gives it
// the facts and carries it out.
package plan

import (
	"fmt"
	"net/netip"
	"path"
	"strconv"
	"strings"
	"time"
)

// Window types and payloads of a pair.
const (
	SDR        = "SDR"
	Sabertooth = "SABERTOOTH"

	SDRWindow        = "PAYLOAD_SDR"
	SabertoothWindow = "PAYLOAD_SABERTOOTH"
)

// Buffer is what the satellite needs around a window of a type, and the
// shortest window that it takes (docs/platform.md).
type Buffer struct {
	Before, After, Min time.Duration
}

// Buffers are the documented ones.
var Buffers = map[string]Buffer{
	SDRWindow:        {120 * time.Second, 210 * time.Second, 30 * time.Second},
	SabertoothWindow: {180 * time.Second, 210 * time.Second, 30 * time.Second},
}

const (
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
)

// sabertoothAddress is the fetching payload's own, so it cannot be the server's.
var sabertoothAddress = netip.MustParseAddr("10.2.1.10")

var payloadNet = netip.MustParsePrefix("10.2.1.0/24")

// Artifact is a packed program, as it is sent up.
type Artifact struct {
	Program string `json:"program"` // "sdr-serve"
	Payload string `json:"payload"` // "SDR"
	File    string `json:"file"`    // local path
	Size    int64  `json:"bytes"`
	SHA256  string `json:"sha256"` // hex

	// Base is the destination of the version that this is a patch against;
	// empty where the program is sent whole.
	Base string `json:"base,omitempty"`
}

// Destination holds the content's hash, so that the list of uploads says what
// is aboard, and two versions never overwrite each other.
func (a Artifact) Destination() string {
	return "/persist/bin/" + a.Program + "-" + a.SHA256[:8]
}

// Spec is what the user asks for. All durations are whole seconds.
type Spec struct {
	Start         time.Time     // zero: the earliest that fits
	Lead          time.Duration // from now to the start, if Start is zero
	UplinkRate    int64         // bytes a day
	SDRDuration   time.Duration
	FetchDelay    time.Duration // from the SDR's start to the fetcher's
	FetchDuration time.Duration

	SDR  []netip.Addr // where the fetcher looks for the SDR
	Port int
	Path string // on the SDR
	Name string // in the outbox

	DownlinkBudget int
	ITAR           bool
	SkipUpload     bool // the programs are aboard already, or the API has no uploads
	HandOver       bool // one program goes up, the SDR hands it over

	Artifacts []Artifact
}

// SpecError is a wish that no satellite could fulfil; Flag says where it is.
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
	bad := func(flag, format string, a ...any) error {
		return &SpecError{flag, fmt.Sprintf(format, a...)}
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
		typ  string
	}{{"sdr-duration", s.SDRDuration, SDRWindow}, {"fetch-duration", s.FetchDuration, SabertoothWindow}} {
		if least := Buffers[d.typ].Min; d.d < least {
			return bad(d.flag, "%v is shorter than a %s window may be; give %v or more", d.d, d.typ, least)
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
	if s.Lead > 365*24*time.Hour {
		return bad("lead", "%v is more than a year; give less", s.Lead)
	}
	if s.Overlap() <= 0 {
		return bad("fetch-delay", "with %v the SDR's window of %v ends before the fetcher's begins, and the two never meet; give less", s.FetchDelay, s.SDRDuration)
	}
	if s.UplinkRate < 1 {
		return bad("uplink-rate", "nothing goes up at %d bytes a day; give a size such as 125KB", s.UplinkRate)
	}
	if len(s.SDR) == 0 {
		return bad("sdr", "no address; give the SDR's, such as 10.2.1.8")
	}
	for _, a := range s.SDR {
		if a == sabertoothAddress {
			return bad("sdr", "%v is the SABERTOOTH's own address; give the SDR's, such as 10.2.1.8", a)
		}
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return bad("sdr", "%v is no address of a computer; give the SDR's, such as 10.2.1.8", a)
		}
	}
	if s.Port < MinPort || s.Port > 65535 {
		return bad("port", "%d is not between %d and 65535, the ports that the payloads leave open", s.Port, MinPort)
	}
	if !strings.HasPrefix(s.Path, "/") || !printable(s.Path) || len(s.Path) > 1024 {
		return bad("path", "%s is not an absolute path on the SDR; give one such as /var/log/syslog", strconv.Quote(s.Path))
	}
	if s.Name == "" || len(s.Name) > 200 || strings.HasPrefix(s.Name, ".") || strings.HasPrefix(s.Name, "-") ||
		strings.ContainsAny(s.Name, "/=") || path.Clean(s.Name) != s.Name || !printable(s.Name) {
		return bad("name", "%s cannot be the name of a file in the outbox; give a plain one such as sdr_syslog", strconv.Quote(s.Name))
	}
	if s.DownlinkBudget < 0 {
		return bad("downlink-budget", "%d is negative; give 1", s.DownlinkBudget)
	}
	return nil
}

func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r == 0x7f || r == '�' {
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

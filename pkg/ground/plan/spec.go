// Package plan is a deployment on paper: which bytes go up and how long that
// takes, which windows run what, how long they overlap, what earliest start
// satisfies everything.
//
// Facts go in, an immutable Plan comes out, and its Actions are what
// pkg/ground/deploy carries out. It asks nobody but the Calendar it is given.
package plan

import (
	"net/netip"
	"time"
)

const (
	// Server, Fetcher, and Both that is one program for either, are the programs
	// of a pair and the names under which they lie on a payload.
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

// Spec is what the user asks for. All durations are whole seconds.
type Spec struct {
	Start         time.Time     // zero: the earliest that fits
	Lead          time.Duration // from now to the start, if Start is zero
	UplinkRate    int64         // bytes a day
	SDRDuration   time.Duration
	FetchDelay    time.Duration // from the SDR's start to the fetcher's
	FetchDuration time.Duration

	FromPayload, ToPayload string // "": SDR, SABERTOOTH

	Repeat int           // passes; 0 is 1
	Every  time.Duration // from one pass to the next

	SDR   []netip.Addr   // where the fetcher looks for the server
	Allow []netip.Prefix // who may read from the server; empty: its own default
	Port  int

	Files     []File
	Tail      int64 // only the last bytes of each file; 0: all
	MaxBytes  int64 // the fetcher publishes no more in one pass; 0: its own default
	NoSalvage bool  // no incomplete files
	Depth     int   // of directories; 0 and 1: the fetcher's own default, which is 1

	DownlinkBudget int
	ITAR           bool
	SkipUpload     bool // the programs are aboard already, or the API has no uploads
	Key            bool // both programs get a key of the run, from Token
	HandOver       bool // one program goes up, the SDR hands it over
	Whole          bool // whole programs go up even where an update made the same one

	Survey bool // nothing goes up, and both windows run a script that asks what is assumed of them

	// Token is the API's, from which keys come; "" on paper.
	Token string `json:"-"`

	Artifacts []Artifact

	Ways []Way // in which they could go up, for a plan to name a cheaper one
}

// Overlap is how long both windows are open.
func (s Spec) Overlap() time.Duration {
	return max(0, min(s.SDRDuration, s.FetchDelay+s.FetchDuration)-max(0, s.FetchDelay))
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

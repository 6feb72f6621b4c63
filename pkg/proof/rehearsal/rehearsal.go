// Package rehearsal flies what is uplinked on two virtual machines (pkg/desk/vm)
// and judges what came down: a pass, power cuts of either machine, a clock that
// is not set, the hand-over, and disks as a cut leaves them when their drive
// forgets what it had not yet flushed.
package rehearsal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/ground/plan"
)

// A Rehearsal is what is to be played.
type Rehearsal struct {
	Image *vm.Image
	Bin   string // directory of the packed programs
	Dir   string // scratch, which is made and removed
	Keep  string // directory for the disk and the consoles of a scenario that failed
	Seed  uint64 // what contents, instants and remains are drawn from
	Cuts  int    // power cuts of the fetching machine
	Disks int    // disks as a cut at a random write leaves them
	Only  string // one scenario; "" for all
	Say   io.Writer

	log   []byte // what /var/log/syslog of the SDR holds
	spec  plan.Spec
	ether *vm.Ethernet
	sdr   *vm.Running   // on while not nil
	span  time.Duration // from start to exit of a pass without a fault
	rows  []Row
	boots int
}

// A Row is one play of a scenario.
type Row struct {
	Scenario string  `json:"scenario"`
	N        int     `json:"n"` // of the plays of this scenario, from 1
	Seconds  float64 `json:"seconds"`
	OK       bool    `json:"ok"`
	Why      string  `json:"why,omitempty"` // what was wrong
	Story    string  `json:"story"`
	Cut      bool    `json:"cut"`     // the fetching machine lost power
	Proven   int64   `json:"proven"`  // bytes of pieces that had come whole at the cut
	Resumed  int64   `json:"resumed"` // bytes that the next window went on from
	Lost     int64   `json:"lost"`    // proven, and fetched again: bytes
}

// What the payloads are, and how fast the line between them: slow enough that
// an emulated processor is not what is measured.
const (
	sdrAddress, fetchAddress = "10.2.1.8", "10.2.1.10"
	sdrEnd, fetchEnd         = 0, 1
	fetchCPU                 = "cortex-a57"
	path, name               = "/var/log/syslog", "sdr_syslog"
	logBytes                 = 6 << 20
	lineRate                 = 3_000_000 // bytes a second
	diskBytes                = 64 << 20
	outageLength             = 3 * time.Second
	windowLength             = 45 * time.Second
	seriesLength             = 30 * time.Minute // of the SDR's window, for all scenarios that share it
)

// A scenario plays once; n counts from 1.
type scenario struct {
	name  string
	plays func(r *Rehearsal) int
	play  func(r *Rehearsal, ctx context.Context, row *Row) error
}

func once(*Rehearsal) int { return 1 }

// scenarios, the first of which measures what the others need.
var scenarios = []scenario{
	{"pass", once, (*Rehearsal).pass},
	{"cut", func(r *Rehearsal) int { return r.Cuts }, (*Rehearsal).cut},
	{"unplugged", once, (*Rehearsal).unplugged},
	{"server-back", once, (*Rehearsal).serverBack},
	{"server-gone", once, (*Rehearsal).serverGone},
	{"disk", func(r *Rehearsal) int { return r.Disks }, (*Rehearsal).disk},
	{"clock", once, (*Rehearsal).clock},
	{"hand-over", once, (*Rehearsal).handOver},
}

// Scenarios are the names that Only knows.
func Scenarios() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// Run plays everything. An error means that it could not be played; what was
// seen to be wrong stands in the rows.
func (r *Rehearsal) Run(ctx context.Context) (rows []Row, err error) {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return nil, err
	}
	r.ether = vm.NewEthernet(lineRate)
	defer func() {
		r.off()
		r.ether.Close()
		err = errors.Join(err, os.RemoveAll(r.Dir))
	}()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	for _, s := range scenarios {
		if r.Only != "" && s.name != r.Only && s.name != scenarios[0].name {
			continue
		}
		for n := 1; n <= s.plays(r); n++ {
			row := Row{Scenario: s.name, N: n}
			fmt.Fprintf(r.Say, "%s %d of %d ...\n", s.name, n, s.plays(r))
			begun := time.Now()
			err := s.play(r, ctx, &row)
			if ctx.Err() != nil {
				return r.rows, ctx.Err()
			}
			row.Seconds, row.OK = time.Since(begun).Seconds(), err == nil
			var wrong *wrong
			switch {
			case errors.As(err, &wrong):
				row.Why = err.Error()
				if err := r.keep(ctx, row); err != nil {
					return r.rows, err
				}
			case err != nil:
				return r.rows, fmt.Errorf("%s %d: %w", s.name, n, err)
			}
			r.rows = append(r.rows, row)
			fmt.Fprintf(r.Say, "%s\n", row)
		}
	}
	return r.rows, nil
}

func (r Row) String() string {
	verdict := "right"
	if !r.OK {
		verdict = "WRONG: " + r.Why
	}
	return fmt.Sprintf("%s %d: %s; %s (%.1f s)", r.Scenario, r.N, verdict, r.Story, r.Seconds)
}

// wrong is a promise that was not kept.
type wrong struct{ text string }

func (w *wrong) Error() string { return w.text }

func wrongf(format string, args ...any) error { return &wrong{fmt.Sprintf(format, args...)} }

// random is the source of one play's chance: the same whatever was played before.
func (r *Rehearsal) random(row *Row) *rand.Rand {
	sum := sha256.Sum256([]byte(row.Scenario))
	return rand.New(rand.NewPCG(r.Seed, uint64(row.N)<<32|uint64(sum[0])))
}

// keep saves what a failed play leaves behind: the consoles and the disks.
func (r *Rehearsal) keep(ctx context.Context, row Row) error {
	to := filepath.Join(r.Keep, fmt.Sprintf("%s-%d", row.Scenario, row.N))
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(r.Dir)
	for _, f := range files {
		if f.Type().IsRegular() {
			err = errors.Join(err, vm.Copy(ctx, r.file(f.Name()), filepath.Join(to, f.Name())))
		}
	}
	return err
}

// prepare makes the disks and the deployment.
func (r *Rehearsal) prepare(ctx context.Context) error {
	r.log = syslog(r.Seed)
	r.spec = plan.Spec{
		SDRDuration: seriesLength, FetchDuration: windowLength,
		SDR:  []netip.Addr{netip.MustParseAddr(sdrAddress), netip.MustParseAddr("10.2.1.12")},
		Port: plan.DefaultPort, Files: []plan.File{{Path: path, Name: name}},
	}
	for _, p := range []struct{ program, payload string }{{"sdr-serve", plan.SDR}, {"sabertooth-fetch", plan.Sabertooth}} {
		a, err := artifact(filepath.Join(r.Bin, p.program), p.program, p.payload)
		if err != nil {
			return err
		}
		r.spec.Artifacts = append(r.spec.Artifacts, a)
	}
	if err := r.format(ctx, "sdr.img", map[string][]byte{path: r.log}, r.spec.Artifacts[0]); err != nil {
		return err
	}
	return r.format(ctx, "fresh.img", nil, r.spec.Artifacts[1])
}

func artifact(file, program, payload string) (plan.Artifact, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return plan.Artifact{}, err
	}
	sum := sha256.Sum256(b)
	return plan.Artifact{Program: program, Payload: payload, File: file, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}, nil
}

// format makes a payload's disk with the programs that were sent to it.
func (r *Rehearsal) format(ctx context.Context, image string, files map[string][]byte, programs ...plan.Artifact) error {
	root := filepath.Join(r.Dir, "root")
	defer os.RemoveAll(root)
	put := func(name string, body []byte, perm os.FileMode) error {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(root, name), body, perm)
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	for name, body := range files {
		if err := put(name, body, 0o644); err != nil {
			return err
		}
	}
	for _, a := range programs {
		body, err := os.ReadFile(a.File)
		if err == nil {
			err = put(a.Destination(), body, 0o755)
		}
		if err != nil {
			return err
		}
	}
	return vm.Format(ctx, r.file(image), root, diskBytes)
}

func (r *Rehearsal) file(name string) string { return filepath.Join(r.Dir, name) }

// syslog is a log whose every line is different.
func syslog(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0))
	var b []byte
	for n := 1; len(b) < logBytes; n++ {
		b = append(b, "Nov 30 09:29:09 sdr app: line "...)
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, ' ')
		b = strconv.AppendUint(b, rnd.Uint64(), 16)
		b = append(b, '\n')
	}
	return b[:logBytes]
}

// Package rehearsal flies what is uplinked on two virtual machines (pkg/desk/vm)
// and judges what came down: a pass, power cuts of either machine, a clock that
// is not set, the hand-over, and disks as a cut leaves them when their drive
// forgets what it had not yet flushed.
package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"payload-ipc/pkg/desk/vm"
)

// A Rehearsal is what is to be played.
type Rehearsal struct {
	Image *vm.Image
	Bin   string // directory of the packed programs
	Dir   string // scratch, which is made and removed
	Keep  string // directory for the disks and the consoles of what went wrong
	Seed  uint64 // what contents, instants and remains are drawn from
	Cuts  int    // power cuts of the fetching machine
	Disks int    // disks as a cut at a random write leaves them
	Only  string // one scenario; "" for all
	Say   io.Writer

	log []byte // what /var/log/syslog of the SDR holds

	mu   sync.Mutex
	rows []Row
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
	windowLength             = time.Minute
	seriesLength             = time.Hour // of the SDR's window, for all scenarios that share it
)

// A scenario plays once; plays is how often it is to.
type scenario struct {
	name  string
	plays func(r *Rehearsal) int
	play  func(p *pair, ctx context.Context, row *Row) error
}

func once(*Rehearsal) int { return 1 }

// scenarios, for two pairs of machines that play side by side. The first
// pair's cuts need what its pass measures.
var scenarios = [][]scenario{{
	{"pass", once, (*pair).pass},
	{"cut", func(r *Rehearsal) int { return r.Cuts }, (*pair).cut},
	{"unplugged", once, (*pair).unplugged},
	{"server-back", once, (*pair).serverBack},
	{"server-gone", once, (*pair).serverGone},
}, {
	{"disk", func(r *Rehearsal) int { return r.Disks }, (*pair).disk},
	{"clock", once, (*pair).clock},
	{"hand-over", once, (*pair).handOver},
}}

// Scenarios are the names that Only knows.
func Scenarios() (names []string) {
	for _, list := range scenarios {
		for _, s := range list {
			names = append(names, s.name)
		}
	}
	return names
}

// chosen is what of list is to be played.
func (r *Rehearsal) chosen(list []scenario) (out []scenario) {
	only := slices.IndexFunc(list, func(s scenario) bool { return s.name == r.Only })
	switch {
	case r.Only == "":
		return list
	case only > 0 && list[0].name == "pass":
		return []scenario{list[0], list[only]}
	case only >= 0:
		return list[only : only+1]
	}
	return nil
}

// Run plays everything. An error means that it could not be played; what was
// seen to be wrong stands in the rows.
func (r *Rehearsal) Run(ctx context.Context) ([]Row, error) {
	r.log = syslog(r.Seed)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i, list := range scenarios {
		if list = r.chosen(list); list == nil {
			continue
		}
		wg.Go(func() {
			p := &pair{Rehearsal: r, dir: filepath.Join(r.Dir, strconv.Itoa(i))}
			if err := p.run(ctx, list); err != nil {
				cancel(err) // the first one is the cause
			}
		})
	}
	wg.Wait()
	names := Scenarios()
	slices.SortFunc(r.rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(slices.Index(names, a.Scenario), slices.Index(names, b.Scenario)), cmp.Compare(a.N, b.N))
	})
	return r.rows, errors.Join(context.Cause(ctx), os.RemoveAll(r.Dir))
}

// tell keeps a row and says what it is.
func (r *Rehearsal) tell(row Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
	fmt.Fprintln(r.Say, row)
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

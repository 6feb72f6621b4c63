package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"payload-ipc/pkg/proof/badline"
)

// A scenario is a way that a line may be bad.
type scenario struct {
	name   string
	server string // whose files all fetchers get, "": their own
	paths  []string
	also   string // a second file that what arrives may be
	set    func(c *badline.Line, size int64, r *rand.Rand)
	late   bool           // play opens the line
	play   func(t *trial) // while the fetcher runs
}

const (
	manyFiles = 40
	manySize  = 100_000
	tooLong   = 20 * time.Second
	resets20  = "20 resets"
)

var scenarios = []scenario{
	{name: "clean line", paths: []string{"file"}},
	{name: "server 1.5 s late", paths: []string{"file"}, late: true, play: func(t *trial) {
		// Its own seed, not its round's: 1.5 s to the bit would suit or hurt somebody's timer.
		time.Sleep(1400*time.Millisecond + time.Duration(t.rand.IntN(200))*time.Millisecond)
		t.open()
	}},
	{name: resets20, paths: []string{"file"}, set: func(c *badline.Line, size int64, r *rand.Rand) {
		// At the wire's own rate (docs/platform.md): on a faster one, what the
		// kernel's buffers hold when a reset comes would be most of what is lost.
		c.Rate = 117_700_000
		for range 20 {
			c.Resets = append(c.Resets, r.Int64N(size))
		}
	}},
	{name: "5 % of connections refused, 40 files", server: "busybox httpd", paths: many40(), set: func(c *badline.Line, _ int64, r *rand.Rand) {
		c.Refuse, c.Rand = 0.05, r
	}},
	{name: "slow line", paths: []string{"file"}, set: func(c *badline.Line, size int64, _ *rand.Rand) {
		c.Rate = size * 2 / 3
	}},
	{name: "file replaced and line cut half way", paths: []string{"file"}, also: "newer", set: func(c *badline.Line, size int64, _ *rand.Rand) {
		c.Rate, c.Resets = size, []int64{size / 2}
	}, play: func(t *trial) {
		for t.line.Count().Reset == 0 && t.ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}},
}

func many40() (names []string) {
	for n := range manyFiles {
		names = append(names, fmt.Sprintf("many%02d", n))
	}
	return names
}

// fetchers measures every fetcher in every scenario, then what the issue of
// sabertooth-fetch asks for by itself.
func (b Bench) fetchers(ctx context.Context, s *site, r *Results) error {
	up := map[string]*running{}
	defer func() {
		for _, run := range up {
			run.end()
		}
	}()
	for _, srv := range servers {
		site := *s
		run, err := site.start(srv, smallName)
		if err != nil {
			r.note(srv.name, "", err.Error())
			continue
		}
		// Nobody asks what it uses, and looking at five servers takes time from
		// those that are measured.
		run.usage.end()
		up[srv.name] = run
	}
	if up[ours] == nil {
		return errors.New("sdr-serve does not run")
	}
	if b.Only == "directory" {
		return b.directory(ctx, s, up, r)
	}
	if b.Only == "durable" {
		return b.durable(ctx, s, up, r)
	}
	for n := range (b.Rounds + 1) / 2 {
		for _, sc := range scenarios {
			fmt.Fprintf(b.Say, "fetchers, round %d of %d: %s\n", n+1, (b.Rounds+1)/2, sc.name)
			for _, i := range rand.Perm(len(fetchers)) {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if f := fetchers[i]; b.Ours && i > 1 {
					continue
				} else if !f.here() {
					r.note(f.name, "", "not here: "+strings.Join(f.needs, ", "))
				} else if err := b.trial(ctx, s, up, f, sc, n, r); err != nil {
					return fmt.Errorf("%s, %s: %w", f.name, sc.name, err)
				}
			}
		}
	}
	if err := b.verified(ctx, s, up, r); err != nil {
		return err
	}
	if err := b.directory(ctx, s, up, r); err != nil {
		return err
	}
	if err := b.durable(ctx, s, up, r); err != nil {
		return err
	}
	return b.latency(ctx, s, up[ours].addr, r)
}

// receivedRatio is by the receipt, resets20+onWire by the relay: that counts
// what was on its way when a reset came, too, and every answer's head.
const receivedRatio = "bytes received / size under 20 resets, by the receipt"

// disks are presets of package flash.
var disks = []string{"memory", "emmc"}

func durableOn(disk string) string { return "right and durable on " + disk + ", s" }

// What is measured of fetchers, behind the scenario's name.
const (
	seconds = ": s"
	onWire  = ": bytes on the wire / size"
	wrong   = ": wrong, told as right"
	missed  = ": not delivered"
)

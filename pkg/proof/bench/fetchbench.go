package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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
	{name: "server 1.5 s late", paths: []string{"file"}, play: func(t *trial) {
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

// A trial is one errand over one bad line.
type trial struct {
	ctx  context.Context
	line *badline.Line
	port int
	rand *rand.Rand
}

func (t *trial) open() error { return t.line.Open(fmt.Sprintf("127.0.0.1:%d", t.port)) }

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
	if err := b.durable(ctx, s, up, r); err != nil {
		return err
	}
	return b.latency(ctx, s, up[ours].addr, r)
}

// trial runs one fetcher once.
func (b Bench) trial(ctx context.Context, s *site, up map[string]*running, f fetcher, sc scenario, round int, r *Results) error {
	who := sc.server
	if who == "" {
		who = f.server
	}
	if who == "" {
		who = ours
	}
	if up[who] == nil {
		r.note(f.name, sc.name, who+" is not here")
		return nil
	}
	if sc.server != "" && f.name == oursDigest {
		r.note(f.name, sc.name, "this server has no digests: see below")
		return nil
	}
	size := int64(0)
	for _, p := range sc.paths {
		fi, err := os.Stat(filepath.Join(s.root, p))
		if err != nil {
			return err
		}
		size += fi.Size()
	}
	seed := rand.New(rand.NewPCG(uint64(round), uint64(len(sc.name)))) // the same for every fetcher
	t := &trial{ctx: ctx, line: &badline.Line{To: up[who].addr}, rand: seed}
	if sc.set != nil {
		sc.set(t.line, size, seed)
	}
	var err error
	if t.port, err = freePort(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.Dir, "trial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	e := &errand{bin: b.Bin, addr: fmt.Sprintf("127.0.0.1:%d", t.port), paths: sc.paths, out: filepath.Join(dir, "out"), stage: filepath.Join(dir, "stage"), d: tooLong.String()}
	if err := os.Mkdir(e.out, 0o755); err != nil {
		return err
	}
	late := sc.name == "server 1.5 s late"
	if !late {
		if err := t.open(); err != nil {
			return err
		}
	}
	restore := func() error { return nil }
	replaced := make(chan error, 1)
	limit, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	t.ctx = limit
	argv := f.argv(e)
	cmd := exec.CommandContext(limit, argv[0], argv[1:]...)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	if sc.also != "" {
		file := filepath.Join(s.root, sc.paths[0])
		restore = func() error { return os.Rename(file+".1", file) }
		go func() {
			sc.play(t)
			replaced <- errors.Join(os.Rename(file, file+".1"), clone(filepath.Join(s.root, sc.also), file))
		}()
	} else {
		if sc.play != nil {
			sc.play(t)
		}
		replaced <- nil
	}
	failed := cmd.Wait() != nil
	took := time.Since(begin)
	cancel()
	err = <-replaced
	t.line.Shut()
	if err == nil {
		defer restore()
	}
	if err != nil {
		return err
	}

	right := true
	for _, p := range sc.paths {
		may := []string{filepath.Join(s.root, p)}
		if sc.also != "" {
			may = append(may, may[0]+".1")
		}
		got := filepath.Join(e.out, p)
		if !alike(got, may...) {
			right = false
			// Wrong is a file under its final name that is not the file, from
			// a program that says all went well.
			if _, err := os.Stat(got); err == nil && !failed {
				r.add(f.name, sc.name+wrong, 1)
			}
		}
	}
	if !right {
		r.add(f.name, sc.name+missed, 1)
		return nil
	}
	r.add(f.name, sc.name+seconds, took.Seconds())
	r.add(f.name, sc.name+onWire, float64(t.line.Count().Down)/float64(size))
	if f.name == oursDigest && len(sc.paths) == 1 {
		if n, err := received(filepath.Join(e.out, sc.paths[0]+".receipt.json")); err != nil {
			return err
		} else if sc.name == resets20 {
			r.add(f.name, receivedRatio, float64(n)/float64(size))
		}
	}
	return nil
}

// received is what a receipt says of the bytes that came.
func received(file string) (int64, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var r struct {
		BytesReceived int64 `json:"bytes_received"`
	}
	return r.BytesReceived, json.Unmarshal(b, &r)
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

func clone(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

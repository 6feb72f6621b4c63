package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"payload-ipc/pkg/proof/badline"
)

// A trial is one fetchJob over one bad line.
type trial struct {
	ctx  context.Context
	line *badline.Line
	addr string // of the line
	rand *rand.Rand
}

func (t *trial) open() error { return t.line.Open(t.addr) }

// trial runs one fetcher once.
func (b Bench) trial(ctx context.Context, s *site, up map[string]*running, f fetcher, sc scenario, round int, r *Results) error {
	who := cmp.Or(sc.server, f.server, ours)
	if up[who] == nil {
		r.note(f.name, sc.name, who+" is not here")
		return nil
	}
	if sc.server != "" && f.name == oursDigest {
		r.note(f.name, sc.name, "this server has no digests: see below")
		return nil
	}
	size, err := s.size(sc.paths)
	if err != nil {
		return err
	}
	seed := rand.New(rand.NewPCG(uint64(round), uint64(len(sc.name)))) // the same for every fetcher
	t := &trial{line: &badline.Line{To: up[who].addr}, rand: seed}
	if sc.set != nil {
		sc.set(t.line, size, seed)
	}
	if t.addr, err = freeAddr(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(b.Dir, "trial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	job := b.fetchJob(dir, t.addr, tooLong, sc.paths...)
	if err := os.Mkdir(job.out, 0o755); err != nil {
		return err
	}
	took, failed, err := t.run(ctx, s, sc, f.argv(job))
	if err != nil {
		return err
	}
	if sc.also != "" {
		file := filepath.Join(s.root, sc.paths[0])
		defer os.Rename(file+".1", file)
	}
	right, lies := sc.delivered(s, job.out)
	if !failed {
		for range lies {
			r.add(f.name, sc.name+wrong, 1)
		}
	}
	if !right {
		r.add(f.name, sc.name+missed, 1)
		return nil
	}
	r.add(f.name, sc.name+seconds, took.Seconds())
	r.add(f.name, sc.name+onWire, float64(t.line.Count().Down)/float64(size))
	if f.name == oursDigest && sc.name == resets20 {
		n, err := received(filepath.Join(job.out, sc.paths[0]+".receipt.json"))
		if err != nil {
			return err
		}
		r.add(f.name, receivedRatio, float64(n)/float64(size))
	}
	return nil
}

// run plays sc while argv runs, and shuts the line. failed is whether the
// fetcher says so itself. Where sc has a second file, the first is beside it
// then, as .1.
func (t *trial) run(ctx context.Context, s *site, sc scenario, argv []string) (took time.Duration, failed bool, err error) {
	if !sc.late {
		if err := t.open(); err != nil {
			return 0, false, err
		}
	}
	defer t.line.Shut()
	limit, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	t.ctx = limit
	cmd := exec.CommandContext(limit, argv[0], argv[1:]...)
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, false, err
	}
	played := make(chan error, 1)
	go func() {
		if sc.play != nil {
			sc.play(t)
		}
		if sc.also == "" {
			played <- nil
			return
		}
		file := filepath.Join(s.root, sc.paths[0])
		played <- errors.Join(os.Rename(file, file+".1"), clone(filepath.Join(s.root, sc.also), file))
	}()
	failed = cmd.Wait() != nil
	took = time.Since(begin)
	cancel()
	return took, failed, <-played
}

// delivered compares what came into out with what it may be. lies are files
// under their final names that are not what they are called.
func (sc scenario) delivered(s *site, out string) (right bool, lies int) {
	right = true
	for _, p := range sc.paths {
		may := []string{filepath.Join(s.root, p)}
		if sc.also != "" {
			may = append(may, may[0]+".1")
		}
		got := filepath.Join(out, p)
		if alike(got, may...) {
			continue
		}
		right = false
		if _, err := os.Stat(got); err == nil {
			lies++
		}
	}
	return right, lies
}

// size is that of all paths together.
func (s *site) size(paths []string) (n int64, err error) {
	for _, p := range paths {
		fi, err := os.Stat(filepath.Join(s.root, p))
		if err != nil {
			return 0, err
		}
		n += fi.Size()
	}
	return n, nil
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

func clone(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

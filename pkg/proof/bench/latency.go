package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"payload-ipc/pkg/proof/badline"
)

const (
	published  = "accept to published, ms"
	verifySecs = "verified, from tmpfs to tmpfs, s"
)

// latency measures how long a file of 2.5 KB takes from the moment that the
// server can accept, for a fetcher that waits already.
func (b Bench) latency(ctx context.Context, s *site, server string, r *Results) error {
	fmt.Fprintf(b.Say, "from accept to published, %d trials\n", b.Trials)
	const atOnce = 4 // they sleep most of the time
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	todo := b.Trials
	for range atOnce {
		wg.Go(func() {
			for {
				mu.Lock()
				todo--
				stop := todo < 0 || len(errs) > 0 || ctx.Err() != nil
				mu.Unlock()
				if stop {
					return
				}
				d, err := b.once(ctx, s, server)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					r.add(oursDigest, published, ms(d))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (b Bench) once(ctx context.Context, s *site, server string) (time.Duration, error) {
	dir, err := os.MkdirTemp(b.Dir, "once")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddr()
	if err != nil {
		return 0, err
	}
	job := b.fetchJob(dir, addr, tooLong, "log")
	if err := os.Mkdir(job.out, 0o755); err != nil {
		return 0, err
	}
	limit, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	argv := sabertooth(job)
	cmd := exec.CommandContext(limit, argv[0], argv[1:]...)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	// Any phase of its retries.
	time.Sleep(800*time.Millisecond + rand.N(500*time.Millisecond))
	c := &badline.Line{To: server}
	begin := time.Now()
	if err := c.Open(job.addr); err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return 0, err
	}
	defer c.Shut()
	file := filepath.Join(job.out, "log")
	for {
		if _, err := os.Lstat(file); err == nil {
			break
		}
		if limit.Err() != nil {
			cmd.Wait()
			return 0, errors.New("nothing was published")
		}
		time.Sleep(300 * time.Microsecond)
	}
	took := time.Since(begin)
	if err := cmd.Wait(); err != nil {
		return 0, err
	}
	if !alike(file, filepath.Join(s.root, "log")) {
		return 0, errors.New("the published file is not the server's")
	}
	return took, nil
}

// verified measures a large file, without a line in between: with digests, and
// curl from the same server.
func (b Bench) verified(ctx context.Context, s *site, up map[string]*running, r *Results) error {
	fmt.Fprintln(b.Say, "verified pieces against curl")
	for range b.Rounds {
		for _, i := range rand.Perm(3) { // both of ours and curl
			f := fetchers[i]
			if !f.here() {
				continue
			}
			who := cmp.Or(f.server, ours)
			if up[who] == nil {
				continue
			}
			dir, err := os.MkdirTemp(b.Dir, "verify")
			if err != nil {
				return err
			}
			job := b.fetchJob(dir, up[who].addr, 2*time.Minute, "verify")
			if err := os.Mkdir(job.out, 0o755); err != nil {
				return err
			}
			argv := f.argv(job)
			begin := time.Now()
			out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
			took := time.Since(begin)
			if err != nil {
				return fmt.Errorf("%s: %w: %.300s", f.name, err, out)
			}
			if !alike(filepath.Join(job.out, "verify"), filepath.Join(s.root, "verify")) {
				r.add(f.name, verifySecs+wrong, 1)
			}
			r.add(f.name, verifySecs, took.Seconds())
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

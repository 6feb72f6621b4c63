package rehearsal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"payload-ipc/pkg/desk/vm"
	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/plan"
)

// A pair is two machines and the ethernet between them.
type pair struct {
	*Rehearsal
	dir     string // scratch
	spec    plan.Spec
	ether   *vm.Ethernet
	epoch   time.Time     // what clocks show at power on; zero for the right time
	sdr     *vm.Running   // on while not nil
	serving bool          // its window is open
	span    time.Duration // from start to exit of a pass without a fault
	boots   int
}

// run plays list. An error means that it could not be played.
func (p *pair) run(ctx context.Context, list []scenario) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	p.ether = vm.NewEthernet(lineRate)
	defer func() {
		p.off()
		p.ether.Close()
	}()
	if err := p.prepare(ctx); err != nil {
		return err
	}
	for _, s := range list {
		for n := 1; n <= s.plays(p.Rehearsal); n++ {
			row := Row{Scenario: s.name, N: n}
			begun := time.Now()
			err := s.play(p, ctx, &row)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			row.Seconds, row.OK = time.Since(begun).Seconds(), err == nil
			if err != nil && !errors.As(err, new(*wrong)) {
				return fmt.Errorf("%s %d: %w", s.name, n, err)
			}
			if err != nil {
				row.Why = err.Error()
				if err := p.keep(ctx, row); err != nil {
					return err
				}
			}
			p.tell(row)
		}
	}
	return nil
}

// random is the source of one play's chance: the same whatever was played before.
func (p *pair) random(row *Row) *rand.Rand {
	sum := sha256.Sum256([]byte(row.Scenario))
	return rand.New(rand.NewPCG(p.Seed, uint64(row.N)<<32|uint64(sum[0])))
}

// keep saves what a failed play leaves behind: the consoles and the disks.
func (p *pair) keep(ctx context.Context, row Row) error {
	to := filepath.Join(p.Keep, fmt.Sprintf("%s-%d", row.Scenario, row.N))
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(p.dir)
	for _, f := range files {
		if f.Type().IsRegular() {
			err = errors.Join(err, vm.Copy(ctx, p.file(f.Name()), filepath.Join(to, f.Name())))
		}
	}
	return err
}

// prepare makes the disks and the deployment.
func (p *pair) prepare(ctx context.Context) error {
	p.spec = plan.Spec{
		SDRDuration: seriesLength, FetchDuration: windowLength,
		SDR:  []netip.Addr{netip.MustParseAddr(sdrAddress), netip.MustParseAddr("10.2.1.12")},
		Port: plan.DefaultPort, Files: []plan.File{{Path: path, Name: name}},
	}
	var err error
	if p.spec.Artifacts, _, err = deploy.Artifacts(p.Bin, p.spec); err != nil {
		return err
	}
	if err := p.format(ctx, "sdr.img", map[string][]byte{path: p.log}, p.spec.Artifacts[0]); err != nil {
		return err
	}
	return p.format(ctx, "fresh.img", nil, p.spec.Artifacts[1])
}

// format makes a payload's disk with the programs that were sent to it.
func (p *pair) format(ctx context.Context, image string, files map[string][]byte, programs ...plan.Artifact) error {
	root := filepath.Join(p.dir, "root")
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
	return vm.Format(ctx, p.file(image), root, diskBytes)
}

func (p *pair) file(name string) string { return filepath.Join(p.dir, name) }

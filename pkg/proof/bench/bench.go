// Package bench measures the agents beside their peers, in one run on one
// machine, in rounds that interleave them, so that what disturbs one disturbs
// all. It counts no absolute figure as a promise: what is judged are ratios.
package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// A Bench says how much is measured. All fields but Only must be set.
type Bench struct {
	Bin    string // directory of the agents' programs
	Dir    string // scratch, made and removed; memory, for the disk is not the question
	Rounds int
	Big    int64         // bytes of the big file
	Load   time.Duration // of one run of small requests
	Fetch  int64         // bytes of the file that fetchers bring
	Verify int64         // bytes that are fetched with digests, against curl
	Trials int           // of the time from accept to published
	Only   string        // servers, fetchers, or of them only directory or durable; "" for all
	Ours   bool          // of the fetchers, only ours
	Say    io.Writer     // progress
}

const (
	bigName   = "/big"
	smallName = "/small"
	smallSize = 4096
	logSize   = 2500
	pieceSize = 1 << 20
)

// Run measures everything. ctx ends it early, with an error.
func (b Bench) Run(ctx context.Context) (*Results, error) {
	if err := os.RemoveAll(b.Dir); err != nil {
		return nil, err
	}
	defer os.RemoveAll(b.Dir)
	s := &site{dir: b.Dir, root: filepath.Join(b.Dir, "root"), bin: b.Bin, fileSrv: filepath.Join(b.Dir, "fileserver")}
	if err := os.MkdirAll(s.root, 0o755); err != nil {
		return nil, err
	}
	for name, size := range map[string]int64{bigName: b.Big, smallName: smallSize, "/log": logSize, "/file": b.Fetch, "/verify": b.Verify, "/newer": b.Fetch + b.Fetch/8} {
		if err := fill(filepath.Join(s.root, name), size); err != nil {
			return nil, err
		}
	}
	for n := range manyFiles {
		if err := fill(filepath.Join(s.root, fmt.Sprintf("many%02d", n)), manySize); err != nil {
			return nil, err
		}
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", s.fileSrv, "./pkg/proof/bench/testdata/fileserver")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the net/http FileServer: %w: %s", err, out)
	}
	r := newResults()
	for n := range b.Rounds {
		for _, i := range rand.Perm(len(servers)) {
			if b.Only != "" && b.Only != "servers" {
				continue
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			fmt.Fprintf(b.Say, "servers, round %d of %d: %s\n", n+1, b.Rounds, servers[i].name)
			if err := b.server(s, servers[i], r); err != nil {
				r.note(servers[i].name, "", err.Error())
			}
		}
	}
	if b.Only == "" || b.Only == "servers" || b.Only == "fetchers" {
		sha(r, b.Rounds)
	}
	if b.Only == "servers" {
		return r, ctx.Err()
	}
	if err := b.fetchers(ctx, s, r); err != nil {
		return nil, err
	}
	return r, ctx.Err()
}

// fill writes size bytes that do not repeat and are the same in every run.
func fill(file string, size int64) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var seed [32]byte
	copy(seed[:], filepath.Base(file))
	_, err = io.CopyN(f, rand.NewChaCha8(seed), size)
	return err
}

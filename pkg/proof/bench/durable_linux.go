package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"payload-ipc/pkg/desk/flash"
	"payload-ipc/pkg/proof/badline"
)

// durable measures the time to a file that is right and that a power cut
// leaves, on disks that take their time, over the wire's own rate. Who does not
// sync by itself is followed by sync(1) of the file and its directory.
func (b Bench) durable(ctx context.Context, s *site, up map[string]*running, r *Results) error {
	for n := range (b.Rounds + 1) / 2 {
		for _, disk := range disks {
			fmt.Fprintf(b.Say, "fetchers, round %d of %d: durable on %s\n", n+1, (b.Rounds+1)/2, disk)
			for _, i := range rand.Perm(len(fetchers)) {
				f := fetchers[i]
				who := f.server
				if who == "" {
					who = ours
				}
				if b.Ours && i > 1 || !f.here() || up[who] == nil {
					continue
				}
				took, err := b.onDisk(ctx, s, up[who].addr, f, disk, uint64(n))
				if errors.Is(err, errNoFlash) && os.Getenv("REQUIRE_PEERS") != "1" {
					r.note("durable", "", err.Error())
					return nil
				}
				if err != nil {
					return fmt.Errorf("%s, durable on %s: %w", f.name, disk, err)
				}
				r.add(f.name, durableOn(disk), took.Seconds())
			}
		}
	}
	return nil
}

var errNoFlash = errors.New("not measured, for no disk can be had here")

// A diskJob is one fetcher on one disk, for diskMain.
type diskJob struct {
	Spec flash.Spec
	Dir  string // empty; the disk is mounted on it
	Argv []string
	Want string // file that Dir/out/file must be like
	Sync bool
}

type diskResult struct {
	Took  time.Duration
	Error string
	None  bool // no disk could be mounted
}

func (b Bench) onDisk(ctx context.Context, s *site, server string, f fetcher, disk string, seed uint64) (time.Duration, error) {
	spec, err := flash.Preset(disk)
	if err != nil {
		return 0, err
	}
	spec.Seed = seed
	dir, err := os.MkdirTemp(b.Dir, "disk")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddr()
	if err != nil {
		return 0, err
	}
	line := &badline.Line{To: server, Rate: 117_700_000}
	if err := line.Open(addr); err != nil {
		return 0, err
	}
	defer line.Shut()
	argv := f.argv(b.fetchJob(dir, addr, 2*time.Minute, "file"))
	job, err := json.Marshal(diskJob{spec, dir, argv, filepath.Join(s.root, "file"), f.name != oursDigest && f.name != oursPlain})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	// In namespaces of its own: no root is needed, and no mount is left behind.
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{diskName}
	cmd.Stdin = bytes.NewReader(job)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	var r diskResult
	switch {
	case err != nil:
		return 0, fmt.Errorf("%w: %w", errNoFlash, err)
	case json.Unmarshal(out, &r) != nil:
		return 0, fmt.Errorf("the disk's process said %q", out)
	case r.None:
		return 0, fmt.Errorf("%w: %s", errNoFlash, r.Error)
	case r.Error != "":
		return 0, errors.New(r.Error)
	}
	return r.Took, nil
}

const diskName = "bench-disk"

// init takes over before main where onDisk has started this program again.
func init() {
	if len(os.Args) > 0 && os.Args[0] == diskName {
		var job diskJob
		r := diskResult{Error: "no job"}
		if json.NewDecoder(os.Stdin).Decode(&job) == nil {
			r = job.run()
		}
		json.NewEncoder(os.Stdout).Encode(r)
		os.Exit(0)
	}
}

func (j diskJob) run() (r diskResult) {
	disk, err := flash.Mount(j.Dir, j.Dir, j.Spec)
	if err != nil {
		return diskResult{None: true, Error: err.Error()}
	}
	defer disk.Close()
	out := filepath.Join(j.Dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return diskResult{Error: err.Error()}
	}
	begin := time.Now()
	text, err := exec.Command(j.Argv[0], j.Argv[1:]...).CombinedOutput()
	file := filepath.Join(out, "file")
	if err == nil && j.Sync {
		text, err = exec.Command("sync", file, out).CombinedOutput()
	}
	r.Took = time.Since(begin)
	if err != nil {
		r.Error = fmt.Sprintf("%v: %.300s", err, text)
	} else if !alike(file, j.Want) {
		r.Error = "what was delivered is not the server's"
	}
	return r
}

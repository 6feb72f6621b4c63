package bench

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A directory of small files, brought whole: ours is durable, with a receipt
// for each file, or one for the archive; the others only write.
const (
	directorySecs = "a directory of 1,000 files of 4 KiB, s"
	oursArchive   = "sabertooth-fetch, one archive"
	curlParallel  = "curl -Z --parallel-max 8"
	smallFiles    = 1000
)

// brought is a way to bring the directory /directory/ into j.out.
type brought struct {
	name, needs string
	argv        func(j *fetchJob) []string
}

var bringers = []brought{
	{oursDigest, "", sabertooth},
	{oursArchive, "", func(j *fetchJob) []string {
		archive := *j
		archive.paths = []string{j.paths[0] + "=directory.tar"}
		return sabertooth(&archive)
	}},
	{curlParallel, "curl", func(j *fetchJob) []string {
		return []string{find("curl"), "-sS", "--fail", "-Z", "--parallel-max", "8", "-o", filepath.Join(j.out, "f#1"),
			fmt.Sprintf("http://%s/directory/f[0-%d]", j.addr, smallFiles-1)}
	}},
	{"wget -r", "wget", func(j *fetchJob) []string {
		return []string{find("wget"), "-q", "-r", "-np", "-nH", "--cut-dirs=1", "-P", j.out, "http://" + j.addr + "/directory/"}
	}},
	{"aria2c -Z", "aria2c", func(j *fetchJob) []string {
		argv := []string{find("aria2c"), "-q", "--no-conf", "-j", "8", "--file-allocation=none", "-d", j.out, "-Z"}
		for i := range smallFiles {
			argv = append(argv, fmt.Sprintf("http://%s/directory/f%d", j.addr, i))
		}
		return argv
	}},
}

// directory measures each of them, from the same server.
func (b Bench) directory(ctx context.Context, s *site, up map[string]*running, r *Results) error {
	fmt.Fprintln(b.Say, "a directory of small files")
	dir := filepath.Join(s.root, "directory")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range smallFiles {
		if err := fill(filepath.Join(dir, fmt.Sprint("f", i)), smallSize); err != nil {
			return err
		}
	}
	for range b.Rounds {
		for _, i := range rand.Perm(len(bringers)) {
			w := bringers[i]
			if up[ours] == nil || w.needs != "" && find(w.needs) == "" {
				continue
			}
			if err := b.bring(ctx, s, up[ours].addr, w, r); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	return nil
}

func (b Bench) bring(ctx context.Context, s *site, addr string, w brought, r *Results) error {
	dir, err := os.MkdirTemp(b.Dir, "directory")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	job := b.fetchJob(dir, addr, 2*time.Minute, "directory/")
	if err := os.Mkdir(job.out, 0o755); err != nil {
		return err
	}
	argv := w.argv(job)
	begin := time.Now()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	took := time.Since(begin)
	if err != nil {
		return fmt.Errorf("%w: %.300s", err, out)
	}
	if w.name == oursArchive {
		tar := exec.CommandContext(ctx, "tar", "-xf", filepath.Join(job.out, "directory.tar"), "-C", job.out, "--strip-components=1")
		if out, err := tar.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %.300s", err, out)
		}
	}
	whole := 0
	filepath.WalkDir(job.out, func(path string, d fs.DirEntry, err error) error {
		if name := filepath.Base(path); err == nil && !d.IsDir() && !strings.Contains(name, ".") && alike(path, filepath.Join(s.root, "directory", name)) {
			whole++
		}
		return nil
	})
	if whole != smallFiles {
		if w.name == oursDigest || w.name == oursArchive {
			r.add(oursDigest, directorySecs+wrong, 1)
		}
		return fmt.Errorf("%d of %d files are as on the server", whole, smallFiles)
	}
	r.add(w.name, directorySecs, took.Seconds())
	return nil
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/proof/badline"
)

// TestInjected makes the n-th of each system call of the shipped program fail
// (strace -e inject), with each error it is documented to fail with. Whatever
// happens: nothing unfinished in the outbox, receipt, exit code and content
// agree, and the next run converges.
func TestInjected(t *testing.T) {
	strace := peer(t, "strace")
	// Static, as it is shipped: a loader of libraries has closes of its own.
	shipped := t.TempDir() + "/sabertooth-fetch"
	build := exec.Command("go", "build", "-o", shipped, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data := lines(0, 700_000)
	dir := memory(t)
	root := dir + "/served"
	os.Mkdir(root, 0o755)
	os.WriteFile(root+"/f", []byte(data), 0o644)
	port := freePort(t)
	sdr(t, root, fmt.Sprint("127.0.0.1:", port), "--for", "20m")
	whens := []string{"1", "2", "4", "1+"}
	if os.Getenv("FETCH_INJECT") == "all" {
		whens = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "12", "15", "1+", "2+", "3+", "5+"}
	}
	for _, c := range []struct{ call, errs string }{
		{"pwrite64", "ENOSPC EIO EDQUOT"},
		{"write", "EIO"},
		{"fdatasync", "EIO ENOSPC"},
		{"fsync", "EIO"},
		{"rename,renameat,renameat2", "EIO ENOSPC EXDEV EROFS"},
		{"linkat", "EIO ENOSPC"},
		{"close", "EIO"},
		{"ftruncate", "EIO"},
		{"openat", "EMFILE EACCES"},
		{"unlink,unlinkat", "EIO"},
		{"mkdirat", "EROFS"},
		{"flock", "EWOULDBLOCK"},
		{"connect", "ENETUNREACH EADDRNOTAVAIL"},
		{"socket", "EMFILE"},
	} {
		for _, no := range strings.Fields(c.errs) {
			for _, when := range whens {
				t.Run(strings.Join([]string{c.call, no, when}, "/"), func(t *testing.T) {
					d := memory(t)
					b := newBox(t, d)
					b.port = port
					args := append([]string{"-f", "-o", d + "/trace", "-e", "trace=" + c.call, "-e",
						"inject=" + c.call + ":error=" + no + ":when=" + when, shipped},
						b.args("--from", b.addr(), "--for", "4s", "--reserve", "500ms", "--piece", "64KiB", "/f")...)
					cmd := exec.CommandContext(within(t, 20*time.Second), strace, args...)
					var log strings.Builder
					cmd.Stderr = &log
					begin := time.Now()
					cmd.Run()
					if d := time.Since(begin); d > 4500*time.Millisecond {
						t.Errorf("took %v", d)
					}
					code := cmd.ProcessState.ExitCode()
					r := b.look()
					r.exit = code
					if len(r.receipts) == 0 {
						// A disk that fails all the time leaves none.
						if code == 0 || code > 4 {
							t.Errorf("exit %d without a receipt\n%s", code, log.String())
						}
					} else if code != 0 && code != 1 && code != 3 && code != 4 {
						t.Errorf("exit %d\n%s", code, log.String())
					} else if r.receipts["f"].Exit == code {
						b.agree(r)
					} else if code != 1 { // the last sync may fail behind the receipt
						t.Errorf("exit %d, the receipt says %d\n%s", code, r.receipts["f"].Exit, log.String())
					}
					if code == 0 && r.files["f"] != data {
						t.Errorf("exit 0 and %d bytes\n%s", len(r.files["f"]), log.String())
					}
					for name, got := range r.files {
						if !strings.HasPrefix(data, got) || name == "f" && got != data {
							t.Errorf("%s: %d bytes that are not the file", name, len(got))
						}
					}
					if t.Failed() {
						t.Log(log.String())
					}
					// With its receipt too, where the stage could not note that.
					delivered := r.files["f"] == data || strings.HasPrefix(c.call, "unlink")
					b.empty()
					r = b.fetch("--for", "20s", "/f")
					if again := r.receipts["f"]; delivered && told(again) && again.SHA256 == sum(data) && r.exit == 0 {
						return // the file came before, and its receipt now
					}
					if r.exit != 0 || r.files["f"] != data {
						t.Errorf("did not converge: exit %d, %d bytes\n%s", r.exit, len(r.files["f"]), r.log)
					}
				})
			}
		}
	}
}

// TestSyncPace: on a disk, the bytes of the part are synced no more often than
// every 500 ms (docs/contract.md, "sabertooth-fetch"), however small the pieces, and once more to
// publish them.
func TestSyncPace(t *testing.T) {
	strace := peer(t, "strace")
	dir := t.TempDir()
	os.Mkdir(dir+"/served", 0o755)
	data := lines(0, 16<<20)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/served", upstream, "--for", "5m")
	b := newBox(t, dir)
	bad(t, b.port, &badline.Line{To: upstream, Rate: 6_000_000})
	args := append([]string{"-f", "-y", "-ttt", "-o", dir + "/trace", "-e", "trace=fsync,fdatasync", program(t, "sabertooth-fetch")},
		b.args("--from", b.addr(), "--for", "1m", "--piece", "16KiB", "/f")...)
	if out, err := exec.CommandContext(within(t, time.Minute), strace, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if r := b.look(); r.files["f"] != data {
		t.Fatalf("%d bytes of %d", len(r.files["f"]), len(data))
	}
	trace, err := os.ReadFile(dir + "/trace")
	if err != nil {
		t.Fatal(err)
	}
	var at []float64
	for line := range strings.Lines(string(trace)) {
		if f := strings.Fields(line); len(f) > 2 && strings.HasPrefix(f[2], "fdatasync(") && strings.Contains(f[2], ".dat>") {
			sec, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			at = append(at, sec)
		}
	}
	if len(at) < 3 {
		t.Fatalf("%d syncs in\n%s", len(at), trace)
	}
	for i := 1; i < len(at)-1; i++ {
		if gap := at[i] - at[i-1]; gap < 0.45 {
			t.Errorf("sync %d of %d came %.3f s after the one before", i+1, len(at), gap)
		}
	}
	t.Logf("%d syncs in %.1f s", len(at), at[len(at)-1]-at[0])
}

// mounted mounts a small file system in memory, where that is allowed.
func mounted(t *testing.T, dir, options string) {
	t.Helper()
	os.MkdirAll(dir, 0o755)
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

func TestFullDisk(t *testing.T) {
	data := lines(0, 3<<20)
	dir := t.TempDir()
	os.Mkdir(dir+"/served", 0o755)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	mounted(t, dir+"/small", "size=1m")
	b := newBox(t, dir+"/small")
	sdr(t, dir+"/served", b.addr(), "--for", "60s")
	r := b.fetch("--for", "10s", "/f")
	if r.exit != 1 || r.took > 3*time.Second || !strings.Contains(r.log, "the disk is full") {
		t.Errorf("exit %d after %v\n%s", r.exit, r.took, r.log)
	}
	for name, got := range r.files {
		if name == "f" || !strings.HasPrefix(data, got) {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
	if len(r.files)+len(r.receipts) == 0 {
		t.Error("not a word was left")
	}
	// There is room again.
	if err := syscall.Mount("none", dir+"/small", "", syscall.MS_REMOUNT, "size=20m"); err != nil {
		t.Skip(err)
	}
	b.empty()
	if r = b.fetch("--for", "10s", "/f"); r.exit != 0 || r.files["f"] != data {
		t.Errorf("did not converge: exit %d\n%s", r.exit, r.log)
	}
}

func TestReadOnlyDisk(t *testing.T) {
	data := lines(0, 3<<20)
	dir := t.TempDir()
	os.Mkdir(dir+"/served", 0o755)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	mounted(t, dir+"/disk", "size=20m")
	b := newBox(t, dir)
	b.stage = dir + "/disk/stage"
	sdr(t, dir+"/served", b.addr(), "--for", "60s")
	// Another file system than the outbox: published through an unnamed file.
	if r := b.fetch("--for", "10s", "/f"); r.exit != 0 || r.files["f"] != data {
		t.Fatalf("exit %d\n%s", r.exit, r.log)
	}
	b.empty()
	if err := syscall.Mount("none", dir+"/disk", "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	r := b.fetch("--for", "10s", "/f")
	if r.exit != 1 || r.took > 3*time.Second || r.receipts["f"].Status != "failed" || !strings.Contains(r.receipts["f"].Reason, "read-only") {
		t.Errorf("exit %d after %v, %+v\n%s", r.exit, r.took, r.receipts, r.log)
	}
	syscall.Mount("none", dir+"/disk", "", syscall.MS_REMOUNT, "")
	b.empty()
	if r := b.fetch("--for", "10s", "/f"); r.exit != 0 || r.files["f"] != data {
		t.Errorf("did not converge: exit %d\n%s", r.exit, r.log)
	}
}

// TestStalledSyncs: a sync of the shipped program that takes seconds (strace
// -e inject) costs the window those seconds, and not the rest of it.
func TestStalledSyncs(t *testing.T) {
	strace := peer(t, "strace")
	dir := t.TempDir()
	os.Mkdir(dir+"/served", 0o755)
	data := lines(0, 64<<20)
	os.WriteFile(dir+"/served/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/served", upstream, "--for", "5m")
	for _, inject := range []string{
		"fdatasync:delay_enter=3000000:when=1", "fdatasync:delay_enter=3000000:when=2",
		"fdatasync:delay_enter=4000000:when=5", "fsync:delay_enter=3000000:when=1",
		"fdatasync:delay_exit=60000",
	} {
		t.Run(inject, func(t *testing.T) {
			b := newBox(t, t.TempDir())
			bad(t, b.port, &badline.Line{To: upstream, Rate: 40_000_000})
			args := append([]string{"-f", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", "inject=" + inject, program(t, "sabertooth-fetch")},
				b.args("--from", b.addr(), "--for", "25s", "/f")...)
			out, err := exec.CommandContext(within(t, time.Minute), strace, args...).CombinedOutput()
			if r := b.look(); err != nil || r.files["f"] != data {
				t.Errorf("%v, %d bytes of %d: %+v\n%s", err, len(r.files["f"]), len(data), r.receipts["f"], out)
			}
		})
	}
}

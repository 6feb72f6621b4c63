package flash

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is every name below dir with what it leads to.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, _ := filepath.Rel(dir, p)
		switch d.Type() {
		case fs.ModeDir:
			all[name] = "/"
		case fs.ModeSymlink:
			all[name], err = os.Readlink(p)
		default:
			var b []byte
			b, err = os.ReadFile(p)
			all[name] = string(b)
		}
		return err
	}))
	return all
}

// All that the programs ask of a file system, and that what is synced is there
// afterwards, as it was.
func TestCalls(t *testing.T) {
	dir := t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	check(t, os.MkdirAll(dir+"/persist/old", 0o755))
	check(t, os.WriteFile(dir+"/persist/old/big", big, 0o640))
	check(t, os.WriteFile(dir+"/persist/gone", []byte("x"), 0o644))
	sh, err := os.ReadFile("/bin/sh")
	check(t, err)
	f, err := Mount(dir, dir, Spec{})
	if err != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer f.Close()
	p := dir + "/persist/"

	got, err := os.ReadFile(p + "old/big")
	if check(t, err); !bytes.Equal(got, big) {
		t.Error("a file of the directory reads differently")
	}
	// A program is run from it, and can be replaced meanwhile.
	check(t, os.WriteFile(p+"sh", sh, 0o755))
	// By way of another program: in a fork of this one its server stands still.
	out, err := exec.Command("/bin/sh", "-c", p+"sh -c 'echo $((6*7))'").CombinedOutput()
	if check(t, err); string(out) != "42\n" {
		t.Errorf("a program from the disk said %q", out)
	}
	check(t, os.Remove(p+"sh"))

	// The outbox's two ways to publish.
	a, err := os.OpenFile(p+"a", os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o644)
	check(t, err)
	_, err = a.WriteAt([]byte("hello"), 10_000)
	check(t, errors.Join(err, syscall.Fdatasync(int(a.Fd())), os.Mkdir(dir+"/outbox", 0o755), os.Rename(p+"a", dir+"/outbox/a")))
	tmp, err := os.OpenFile(dir+"/outbox", unix.O_TMPFILE|os.O_RDWR, 0o644)
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP): // before Linux 6.2 a FUSE has none
	case err != nil:
		t.Error("O_TMPFILE:", err)
	default:
		_, err = tmp.WriteString("unnamed")
		check(t, errors.Join(err, tmp.Sync(), unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", tmp.Fd()), unix.AT_FDCWD, dir+"/outbox/b", unix.AT_SYMLINK_FOLLOW), os.Remove(dir+"/outbox/b")))
		tmp.Close()
	}
	if err := os.Rename(p+".none", dir+"/outbox/.none"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a rename of nothing: got %v, want ENOENT", err)
	}

	// A lock keeps a second one out.
	l1, err := os.Create(p + "lock")
	check(t, err)
	l2, err := os.Open(p + "lock")
	check(t, err)
	check(t, syscall.Flock(int(l1.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	if err := syscall.Flock(int(l2.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
		t.Errorf("second lock: got %v", err)
	}
	l1.Close()
	l2.Close()

	check(t, os.Link(p+"old/big", p+"link"))
	check(t, os.Symlink("old/big", p+"sym"))
	check(t, os.Remove(p+"gone"))
	w, err := os.OpenFile(p+"log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	check(t, err)
	for i := range 3 {
		fmt.Fprintln(w, "line", i)
	}
	check(t, errors.Join(w.Truncate(7), syscall.Fallocate(int(w.Fd()), 0, 0, 9000), w.Truncate(10), w.Sync(), w.Close()))
	b, err := os.OpenFile(p+"old/big", os.O_RDWR, 0)
	check(t, err)
	_, err = b.WriteAt([]byte("X"), 5000)
	check(t, errors.Join(err, b.Sync(), b.Close()))
	// What has no name any more is still there for who has it open.
	check(t, os.Remove(dir+"/outbox/a"))
	five := make([]byte, 5)
	_, err = a.ReadAt(five, 10_000)
	if check(t, err); string(five) != "hello" {
		t.Errorf("an unlinked file reads %q", five)
	}
	a.Close()
	for i := range 500 {
		check(t, os.WriteFile(fmt.Sprintf("%sold/%03d", p, i), nil, 0o600))
	}
	if rows, err := os.ReadDir(p + "old"); err != nil || len(rows) != 501 {
		t.Errorf("got %d names, %v, want 501", len(rows), err)
	}
	check(t, os.Remove(p+"link"))
	big[5000] = 'X'
	want := map[string]string{"persist": "/", "persist/old": "/", "persist/old/big": string(big), "persist/lock": "",
		"persist/log": "line 0\n\x00\x00\x00", "persist/sym": "old/big", "outbox": "/"}
	for i := range 500 {
		want[fmt.Sprintf("persist/old/%03d", i)] = ""
	}
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("seen: got %q", slices.Sorted(maps.Keys(got)))
	}
	for _, d := range []string{p + "old", p, dir + "/outbox", dir} {
		h, err := os.Open(d)
		check(t, errors.Join(err, h.Sync(), h.Close()))
	}
	check(t, f.Close())
	if got := tree(t, dir); !maps.Equal(got, want) {
		t.Errorf("stored: got %q", slices.Sorted(maps.Keys(got)))
	}
	if info, err := os.Stat(p + "old/big"); err != nil || info.Mode() != 0o640 {
		t.Errorf("mode: got %v, %v", info.Mode(), err)
	}
}

// Disks are filled before they are cut.
const before, after = "before, before", "after"

// What may be left of each, and that each of it is left by some seed.
func TestCut(t *testing.T) {
	write := func(name, text string, flags int) *os.File {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|flags, 0o644)
		check(t, err)
		_, err = f.WriteString(text)
		check(t, err)
		return f
	}
	syncDir := func(d string) {
		h, err := os.Open(d)
		check(t, errors.Join(err, h.Sync(), h.Close()))
	}
	page := func(c string) string { return strings.Repeat(c, page) }
	for _, c := range []struct {
		name string
		do   func(dir string)
		want []string // of what is under the name f; - is nothing
		torn bool     // and nothing else but a mixture
	}{
		{"nothing is done", func(string) {}, []string{before}, false},
		{"synced, name too", func(d string) {
			check(t, write(d+"/f", after, os.O_TRUNC).Sync())
			syncDir(d)
		}, []string{after}, false},
		{"a new name that is not synced", func(d string) {
			check(t, os.Remove(d+"/f"))
			syncDir(d)
			check(t, write(d+"/f", after, 0).Sync())
		}, []string{after, "-"}, false},
		{"an old name needs no sync", func(d string) {
			f := write(d+"/f", "", 0)
			_, err := f.WriteAt([]byte(after), 0)
			check(t, errors.Join(err, f.Truncate(int64(len(after))), f.Sync()))
		}, []string{after}, false},
		{"synced, then renamed", func(d string) {
			check(t, write(d+"/g", after, 0).Sync())
			check(t, os.Rename(d+"/g", d+"/f"))
		}, []string{before, after}, false},
		{"renamed without a sync of the data", func(d string) {
			write(d+"/g", after, 0)
			check(t, os.Rename(d+"/g", d+"/f"))
			syncDir(d)
		}, []string{"", after, "\x00\x00\x00\x00\x00"}, true},
		{"removed", func(d string) { check(t, os.Remove(d+"/f")) }, []string{before, "-"}, false},
		{"removed, synced", func(d string) { check(t, os.Remove(d+"/f")); syncDir(d) }, []string{"-"}, false},
		{"a page is rewritten", func(d string) {
			f := write(d+"/f", page("a"), os.O_TRUNC)
			check(t, f.Sync())
			_, err := f.WriteAt([]byte(page("b")), 0)
			check(t, err)
		}, []string{page("a"), page("b")}, true},
		{"a sync that failed proves nothing", func(d string) {
			f := write(d+"/f", after, os.O_TRUNC)
			f.Sync() // EIO
			check(t, f.Sync())
		}, []string{before[:len(after)]}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := map[string]int{}
			for seed := range uint64(40) {
				s := Spec{Seed: seed}
				if c.name == "a sync that failed proves nothing" {
					s.Errors = []Error{{Sync, 1, syscall.EIO}}
				}
				dir := t.TempDir()
				check(t, os.WriteFile(dir+"/f", []byte(before), 0o644))
				f, err := Mount(dir, dir, s)
				if err != nil && os.Getenv("REQUIRE_PEERS") != "1" {
					t.Skip(err)
				}
				check(t, err)
				f.Arm()
				c.do(dir)
				check(t, f.Close())
				got := "-"
				if b, err := os.ReadFile(dir + "/f"); err == nil {
					got = string(b)
				}
				if !slices.Contains(c.want, got) && !c.torn {
					t.Fatalf("seed %d: got %.40q, want one of %.40q", seed, got, c.want)
				}
				seen[got]++
			}
			for _, w := range c.want {
				if seen[w] == 0 {
					t.Errorf("never got %.40q in 40 cuts, but %v", w, len(seen))
				}
			}
			if c.torn && len(seen) <= len(c.want)-1 {
				t.Errorf("never a mixture: %d kinds", len(seen))
			}
		})
	}
}

// The same calls and the same seed leave the same.
func TestSeed(t *testing.T) {
	play := func(seed uint64) map[string]string {
		f, dir := mount(t, Spec{Seed: seed})
		for i := range 20 {
			name := fmt.Sprintf("%s/%d", dir, i%7)
			h, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
			check(t, err)
			_, err = h.WriteAt(bytes.Repeat([]byte{byte('a' + i)}, 10_000), int64(i)*3000)
			check(t, err)
			if i%3 == 0 {
				check(t, h.Sync())
			}
			check(t, h.Close())
			if i%5 == 0 {
				check(t, os.Rename(name, name+"x"))
			}
		}
		check(t, f.Close())
		return tree(t, dir)
	}
	first := play(7)
	if !maps.Equal(first, play(7)) {
		t.Error("the second time was different")
	}
	if maps.Equal(first, play(8)) {
		t.Error("another seed left the same")
	}
}

// A rename takes a name away and gives another at once: the file is always
// somewhere.
func TestRenameAtomic(t *testing.T) {
	for seed := range uint64(30) {
		f, dir := mount(t, Spec{Seed: seed})
		check(t, os.MkdirAll(dir+"/a", 0o755))
		check(t, os.MkdirAll(dir+"/b", 0o755))
		h, err := os.Create(dir + "/a/f")
		check(t, err)
		h.WriteString(after)
		check(t, h.Sync())
		for _, d := range []string{dir + "/a", dir} {
			s, err := os.Open(d)
			check(t, errors.Join(err, s.Sync()))
			s.Close()
		}
		check(t, os.Rename(dir+"/a/f", dir+"/b/f"))
		h.Close()
		check(t, f.Close())
		all := tree(t, dir)
		if all["a/f"]+all["b/f"] != after {
			t.Errorf("seed %d: got %q", seed, all)
		}
	}
}

// At the end of a window the outbox is taken from the running system; what the
// same files are called elsewhere is not.
func TestSpared(t *testing.T) {
	lost := 0
	for seed := range uint64(20) {
		f, dir := mount(t, Spec{Seed: seed})
		check(t, os.Mkdir(dir+"/outbox", 0o755))
		check(t, os.Mkdir(dir+"/persist", 0o755))
		check(t, os.WriteFile(dir+"/outbox/f", []byte(after), 0o644))
		check(t, os.WriteFile(dir+"/persist/f", []byte(after), 0o644))
		h, err := os.Open(dir)
		check(t, errors.Join(err, h.Sync(), h.Close()))
		check(t, f.Close("outbox"))
		all := tree(t, dir)
		if all["outbox/f"] != after {
			t.Errorf("seed %d: got %q", seed, all)
		}
		if all["persist/f"] != after {
			lost++
		}
	}
	if lost == 0 {
		t.Error("nothing was lost outside")
	}
}

func TestErrors(t *testing.T) {
	f, dir := mount(t, Spec{Size: 100_000, Errors: []Error{{Write, 2, syscall.EIO}, {Write, 4, syscall.ENOSPC}, {Sync, 2, syscall.EIO}}})
	h, err := os.Create(dir + "/f")
	check(t, err)
	f.Arm()
	for i, want := range []error{nil, syscall.EIO, nil, syscall.ENOSPC} {
		if _, err := h.WriteString("x"); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("write %d: got %v, want %v", i+1, err, want)
		}
	}
	for i, want := range []error{nil, syscall.EIO, nil} {
		if err := h.Sync(); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("sync %d: got %v, want %v", i+1, err, want)
		}
	}
	if _, err := h.Write(make([]byte, 200_000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("more than there is room for: got %v", err)
	}
	h.Close()
}

// What is removed makes room, though a cut may bring it back.
func TestRoom(t *testing.T) {
	_, dir := mount(t, Spec{Size: 100_000})
	for i := range 20 {
		if err := os.WriteFile(dir+"/f", make([]byte, 60_000), 0o644); err != nil {
			t.Fatalf("file %d: %v", i, err)
		}
		check(t, os.Remove(dir+"/f"))
	}
	check(t, os.WriteFile(dir+"/f", make([]byte, 60_000), 0o644))
	check(t, os.WriteFile(dir+"/g", make([]byte, 30_000), 0o644))
	check(t, os.Rename(dir+"/g", dir+"/f"))
	check(t, os.WriteFile(dir+"/g", make([]byte, 60_000), 0o644))
	if err := os.WriteFile(dir+"/h", make([]byte, 60_000), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
}

func TestReadOnlyRemount(t *testing.T) {
	f, dir := mount(t, Spec{Errors: []Error{{Any, 3, syscall.EROFS}}})
	check(t, os.WriteFile(dir+"/f", []byte("x"), 0o644))
	f.Arm()
	check(t, os.WriteFile(dir+"/f", []byte("y"), 0o644)) // truncates, writes
	for _, err := range []error{os.Remove(dir + "/f"), os.WriteFile(dir+"/g", nil, 0o644), os.WriteFile(dir+"/f", nil, 0o644), os.Rename(dir+"/f", dir+"/g")} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("got %v, want EROFS", err)
		}
	}
	if b, err := os.ReadFile(dir + "/f"); err != nil || string(b) != "y" {
		t.Errorf("reading goes on: got %q, %v", b, err)
	}
}

// A sync takes its time and that of what is dirty, and the power ends it.
func TestTime(t *testing.T) {
	f, dir := mount(t, Spec{Write: 10e6, SyncMin: 30 * time.Millisecond, SyncMax: 31 * time.Millisecond})
	h, err := os.Create(dir + "/f")
	check(t, err)
	took := func(bytes int) time.Duration {
		h.Write(make([]byte, bytes))
		begin := time.Now()
		check(t, h.Sync())
		return time.Since(begin)
	}
	if got := took(0); got < 30*time.Millisecond {
		t.Errorf("a sync of nothing took %v", got)
	}
	if got := took(1e6); got < 130*time.Millisecond {
		t.Errorf("a sync of 1 MB at 10 MB/s took %v", got)
	}
	h.Write(make([]byte, 100e6))
	held := make(chan error)
	go func() { held <- h.Sync() }()
	for len(f.dev.told()) < 2 { // until it is under way
		time.Sleep(time.Millisecond)
	}
	waits := f.Off()
	if err := <-held; !errors.Is(err, syscall.EIO) {
		t.Errorf("the sync that the power ended: got %v, want EIO", err)
	}
	if last := waits[len(waits)-1]; !last.Held || waits[0].Held || waits[0].For < 130*time.Millisecond {
		t.Errorf("got %+v, want a sync that was over and one that was not", waits)
	}
	if _, err := h.Write([]byte("x")); !errors.Is(err, syscall.EIO) {
		t.Errorf("without power: got %v", err)
	}
	h.Close()
}

func TestPresets(t *testing.T) {
	for name := range presets {
		if _, err := Preset(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := Preset("tape"); err == nil || !strings.Contains(err.Error(), "emmc, memory, sdcard") {
		t.Errorf("got %v", err)
	}
}

// An alarm counts what changes something and what syncs, and nothing else.
func TestAfter(t *testing.T) {
	f, dir := mount(t, Spec{})
	third, fifth := f.After(3), f.After(5)
	rung := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	h, err := os.Create(dir + "/f") // 1
	check(t, err)
	h.WriteString("x") // 2
	h.ReadAt(make([]byte, 1), 0)
	os.ReadDir(dir)
	if rung(third) {
		t.Error("it rang for what changes nothing")
	}
	check(t, h.Sync()) // 3
	if !rung(third) || rung(fifth) {
		t.Errorf("after three calls: %v, %v", rung(third), rung(fifth))
	}
	check(t, errors.Join(os.Rename(dir+"/f", dir+"/g"), os.Remove(dir+"/g"), h.Close()))
	if !rung(fifth) {
		t.Error("it did not ring")
	}
}

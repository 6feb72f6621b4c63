package fetch

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// hungFS is a disk of which one change does not return until it is told to,
// done by then or not. It counts the changes.
type hungFS struct {
	outbox.FS
	at      int // the change that hangs, from 1
	done    bool
	copied  string // what is renamed from below here is on another file system
	release chan struct{}

	mu   sync.Mutex
	n    int
	what string // it was
}

type hungFile struct {
	outbox.File
	d    *hungFS
	name string
}

func (d *hungFS) do(what string, do func() error) error {
	d.mu.Lock()
	d.n++
	hangs := d.n == d.at
	if hangs {
		d.what = what
	}
	d.mu.Unlock()
	if hangs && !d.done {
		<-d.release
	}
	err := do()
	if hangs && d.done {
		<-d.release
	}
	return err
}

func (d *hungFS) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.n
}

func (d *hungFS) Open(name string, flag int) (f outbox.File, err error) {
	open := func() error { f, err = d.FS.Open(name, flag); return err }
	if flag&os.O_CREATE != 0 || flag&outbox.TmpFile == outbox.TmpFile {
		err = d.do("open "+name, open)
	} else {
		err = open()
	}
	if err != nil {
		return nil, err
	}
	return hungFile{f, d, name}, nil
}

func (d *hungFS) Rename(from, to string) error {
	if d.copied != "" && strings.HasPrefix(from, d.copied) && !strings.HasPrefix(to, d.copied) {
		return syscall.EXDEV
	}
	return d.do("rename "+to, func() error { return d.FS.Rename(from, to) })
}

func (d *hungFS) Link(from, to string) error {
	return d.do("link "+to, func() error { return d.FS.Link(from, to) })
}

func (d *hungFS) Remove(name string) error {
	return d.do("remove "+name, func() error { return d.FS.Remove(name) })
}

func (d *hungFS) MkdirAll(name string) error {
	return d.do("mkdir "+name, func() error { return d.FS.MkdirAll(name) })
}

func (d *hungFS) SyncDir(name string) error {
	return d.do("sync of "+name, func() error { return d.FS.SyncDir(name) })
}

func (f hungFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.d.do("write to "+f.name, func() error { n, err = f.File.WriteAt(b, off); return err })
	return n, err
}

func (f hungFile) Truncate(size int64) error {
	return f.d.do("truncate "+f.name, func() error { return f.File.Truncate(size) })
}

func (f hungFile) Datasync() error {
	return f.d.do("sync of "+f.name, f.File.Datasync)
}

// TestGivenUp: whichever change of the disk does not return before the end,
// what the run says at its end agrees with what is in the outbox then, and
// nothing but that change happens afterwards.
func TestGivenUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		most   int64
		copied bool
		prior  string // is in the outbox
		files  int
	}{
		{name: "whole"},
		{name: "a part", most: 10_000},
		{name: "copied", copied: true},
		{name: "copied over another", copied: true, prior: fileA},
		{name: "two files", files: 2},
	} {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", done ", done), func(t *testing.T) {
				t.Parallel()
				tried := 0
				for at, over := 1, false; !over; at++ {
					virtual(t, func(t *testing.T, b *bench) {
						p := sdr(map[string]string{"/f": fileA, "/g": fileB})
						p.script = func(n int, q *http.Request, a *reply) { a.rate = 1e6 }
						b.net.hosts[addrA] = p.connect
						if c.prior != "" {
							os.WriteFile(b.stage+".f", []byte(c.prior), 0o644)
							os.Rename(b.stage+".f", b.outbox+"/f")
						}
						d := &hungFS{FS: outbox.OS, at: at, done: done, release: make(chan struct{})}
						if c.copied {
							d.copied = b.stage
						}
						paths := []Path{{"/f", "f"}, {"/g", "g"}}[:max(c.files, 1)]
						w := window.Spec{For: 3 * time.Second}.Open()
						defer w.Close()
						r := Fetcher{From: []netip.AddrPort{addrA}, Paths: paths, MaxBytes: c.most, Outbox: b.outbox, Stage: b.stage,
							Dial: b.net.dial, Window: w, FS: d}.Run(t.Context())
						changes := d.count()
						if over = changes < at; over {
							return // nothing hung
						}
						now := names(t, b.outbox)
						close(d.release)
						time.Sleep(10 * time.Second)
						if n := d.count(); n > changes {
							t.Errorf("%s: %d changes after the end", d.what, n-changes)
						}
						_, receipts := readOutbox(t, b.outbox)
						for _, told := range receipts {
							if told.Exit != r.Exit {
								t.Errorf("%s: the receipt says exit %d, the run %d", d.what, told.Exit, r.Exit)
							}
						}
						if len(receipts) == 0 && r.Exit != Local {
							t.Errorf("%s: no receipt, and exit %d", d.what, r.Exit)
						}
						said := strings.ReplaceAll(r.Reason, ";", ",")
						for _, name := range names(t, b.outbox) {
							if !strings.Contains(said+",", " "+name+",") && (name != "f" || c.prior == "") {
								t.Errorf("%s: %s is there and not told: %s", d.what, name, r.Reason)
							}
						}
						list, _, _ := strings.Cut(strings.TrimPrefix(r.Reason, "the disk did not answer before the end of the window; published by then: "), ";")
						for _, name := range strings.Split(list, ", ") {
							if name != "nothing" && !slices.Contains(now, name) {
								t.Errorf("%s: %q is told and not there: %s", d.what, name, r.Reason)
							}
						}
						tried++
					})
				}
				if tried < 12 {
					t.Errorf("%d changes were tried", tried)
				}
			})
		}
	}
}

func names(t *testing.T, dir string) (names []string) {
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

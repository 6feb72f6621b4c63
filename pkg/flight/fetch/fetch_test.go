package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"

	"github.com/fsnotify/fsnotify"
)

var (
	addrA = netip.MustParseAddrPort("10.2.1.8:10101")
	addrB = netip.MustParseAddrPort("10.2.1.12:10101")
)

// A bench is a stage, an outbox that is watched, and a network.
type bench struct {
	t             testing.TB
	net           *memnet
	stage, outbox string
	watch         *fsnotify.Watcher
	watched       chan []string
	events        []Event
}

// tempDir is in memory where it can be: thousands of runs sync thousands of
// times, and what a sync means is tested elsewhere.
func tempDir(t testing.TB) string {
	if d, err := os.MkdirTemp("/dev/shm", "fetch-test-"); err == nil {
		t.Cleanup(func() { os.RemoveAll(d) })
		return d
	}
	return t.TempDir()
}

func newBench(t *testing.T) *bench {
	d := tempDir(t)
	b := &bench{t: t, stage: d + "/stage", outbox: d + "/outbox", net: &memnet{}}
	if err := os.Mkdir(b.outbox, 0o755); err != nil {
		t.Fatal(err)
	}
	b.net.hosts = map[netip.AddrPort]dialer{}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(b.outbox); err != nil {
		t.Fatal(err)
	}
	b.watch, b.watched = w, make(chan []string)
	go func() {
		var bad []string
		for e := range w.Events {
			// A name in the outbox is final: never written to, never with less
			// than it will have. (#1234 is a file without a name.)
			if e.Op.Has(fsnotify.Write) && filepath.Base(e.Name)[0] != '#' {
				bad = append(bad, e.String())
			}
		}
		b.watched <- bad
	}()
	return b
}

// close reports what the outbox showed that was not final.
func (b *bench) close() {
	b.watch.Close()
	for _, e := range <-b.watched {
		b.t.Errorf("the outbox showed an unfinished file: %s", e)
	}
}

// receipt is what a test reads of one.
type receipt struct {
	Status, Verified, Reason, SHA256, Generation, Run, Clock string
	Size                                                     int64
	Total                                                    *int64
	Unchanged                                                *string
	Exit                                                     int
	Attempts                                                 int64
	Received                                                 int64            `json:"bytes_received"`
	LineEnd                                                  int64            `json:"line_end"`
	Offset                                                   int64            `json:"offset"`
	Errors                                                   map[string]int64 `json:"errors"`
	Sealed                                                   []struct {
		Name, SHA256 string
		Size         int64
	}
	NULs    struct{ Runs, Bytes int64 }
	Archive struct {
		Members, Missing, Changed int64
		LeftOut                   int64 `json:"left_out"`
		Manifest                  string
	}
}

func (r receipt) errors() int64 {
	n := int64(0)
	for _, c := range r.Errors {
		n += c
	}
	return n
}

// outcome is what a run left.
type outcome struct {
	Result
	files    map[string]string // but the receipts
	receipts map[string]receipt
	took     time.Duration
}

// run runs f in virtual time against the hosts of b.
func (b *bench) run(f Fetcher, spec window.Spec) (o outcome) {
	b.t.Helper()
	if f.Paths == nil {
		f.Paths = []Path{{"/f", "f"}}
	}
	if f.From == nil {
		f.From = []netip.AddrPort{addrA}
	}
	f.Outbox, f.Stage, f.Dial = b.outbox, b.stage, b.net.dial
	b.events = nil
	events := f.Events
	f.Events = func(e Event) {
		b.events = append(b.events, e)
		if events != nil {
			events(e)
		}
	}
	w := spec.Open()
	f.Window = w
	begin := time.Now()
	o.Result = f.Run(b.t.Context())
	o.took = time.Since(begin)
	if spec.For > 0 && o.took > spec.For {
		b.t.Errorf("ended %v after the end of the window", o.took-spec.For)
	}
	w.Close()
	synctest.Wait()
	b.net.mu.Lock()
	if b.net.open != 0 {
		b.t.Errorf("%d connections were left open", b.net.open)
	}
	b.net.mu.Unlock()
	o.files, o.receipts = readOutbox(b.t, b.outbox)
	check(b.t, o)
	return o
}

func readOutbox(t testing.TB, dir string) (map[string]string, map[string]receipt) {
	t.Helper()
	files, receipts := map[string]string{}, map[string]receipt{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutSuffix(e.Name(), ".receipt.json"); ok {
			var r receipt
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatalf("%s: %v\n%s", e.Name(), err, data)
			}
			if len(data) >= outbox.MaxReceipt {
				t.Errorf("%s: %d bytes", e.Name(), len(data))
			}
			receipts[name] = r
			continue
		}
		files[e.Name()] = string(data)
	}
	return files, receipts
}

func sum(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

// check is invariant 3: receipt, exit code and content agree.
func check(t testing.TB, o outcome) {
	t.Helper()
	told := map[string]bool{}
	for name, r := range o.receipts {
		if r.Exit != o.Exit {
			t.Errorf("%s: the receipt says exit %d, the process %d", name, r.Exit, o.Exit)
		}
		file := name
		switch r.Status {
		case "complete":
		case "partial":
			file += ".part"
		case "failed":
			if r.SHA256 != "" || r.Size != 0 {
				t.Errorf("%s failed, and has %d bytes", name, r.Size)
			}
			file = ""
			if o.Exit == 0 {
				t.Errorf("%s failed, and exit is 0", name)
			}
		default:
			t.Errorf("%s: status %q", name, r.Status)
		}
		if r.Reason == "" {
			t.Errorf("%s: no reason", name)
		}
		if file != "" {
			data, ok := o.files[file]
			if told[file] = true; !ok || sum(data) != r.SHA256 || int64(len(data)) != r.Size {
				t.Errorf("%s: there %v, %d bytes, sha256 %s; the receipt says %d, %s", file, ok, len(data), sum(data), r.Size, r.SHA256)
			}
			if r.Status == "partial" && r.Archive.Manifest == "" {
				if end := int64(strings.LastIndexByte(data, '\n') + 1); end != r.LineEnd {
					t.Errorf("%s: the last line ends at %d, the receipt says %d", file, end, r.LineEnd)
				}
			}
		}
		for _, s := range r.Sealed {
			if told[s.Name] = true; sum(o.files[s.Name]) != s.SHA256 {
				t.Errorf("%s: not what the receipt of %s says", s.Name, name)
			}
		}
	}
	for name := range o.files {
		if !told[name] {
			t.Errorf("%s is in the outbox, and no receipt tells of it", name)
		}
	}
	published := len(o.files) > 0
	if o.Exit == Complete && !published || o.Exit == Nothing && published || o.Exit == Partial && !published {
		t.Errorf("exit %d with %d files", o.Exit, len(o.files))
	}
}

func keys(m map[string]string) string {
	var s []string
	for k, v := range m {
		s = append(s, fmt.Sprintf("%s:%d", k, len(v)))
	}
	sort.Strings(s)
	return strings.Join(s, " ")
}

// text is n bytes of a log whose every line is different.
func text(n int, tag string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%s line %08d of a log that grows\n", tag, i)
	}
	return b.String()[:n]
}

// virtual runs f in a bubble of virtual time.
func virtual(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	b := newBench(t)
	synctest.Test(t, func(t *testing.T) {
		b.t = t
		f(t, b)
		time.Sleep(time.Minute) // the peers' ends of the connections
	})
	b.t = t
	b.close()
}

func TestSimple(t *testing.T) {
	for _, size := range []int{0, 1, 2500, firstPiece, firstPiece + 1, 3 << 20, 9<<20 + 17} {
		if testing.Short() && size > 3<<20 {
			continue
		}
		want := text(size, "a")
		for _, c := range []struct {
			name     string
			make     func(*host)
			verified string
		}{
			{"sdr", func(p *host) { p.digests, p.snapshots = true, true }, "digest"},
			{"digests", func(p *host) { p.digests = true }, "digest"},
			{"snapshots", func(p *host) { p.snapshots = true }, "overlap"},
			{"ranges", func(p *host) {}, "overlap"},
			{"ranges 1.0", func(p *host) { p.http10 = true }, "overlap"},
			{"plain", func(p *host) { p.ranges = false }, ""},
			{"plain 1.0", func(p *host) { p.ranges, p.http10 = false, true }, ""},
			{"chunked", func(p *host) { p.ranges, p.framing = false, "chunked" }, "length"},
			{"close", func(p *host) { p.ranges, p.framing = false, "close" }, "none"},
			{"close, ranges", func(p *host) {
				p.framing = "close"
				p.script = func(n int, q *http.Request, a *reply) {
					if n == 0 && a.status == 206 {
						*a = reply{status: 200, body: []byte(want), cut: -1, pauseAt: -1, close: true, head: []string{"ETag: " + contentTag(p.files["/f"])}}
					}
				}
			}, "overlap"},
		} {
			t.Run(fmt.Sprintf("%s/%d", c.name, size), func(t *testing.T) {
				virtual(t, func(t *testing.T, b *bench) {
					p := newPeer(map[string]string{"/f": want})
					c.make(p)
					b.net.hosts[addrA] = p.connect
					o := b.run(Fetcher{}, window.Spec{For: 30 * time.Second})
					if o.Exit != 0 || o.files["f"] != want {
						t.Fatalf("exit %d, files %s, requests %q\n%+v", o.Exit, keys(o.files), p.asked(), o.receipts)
					}
					verified := c.verified
					if size == 0 && verified != "none" {
						verified = "length" // nothing that a digest could prove
					}
					if c.name == "chunked" && size > 0 && size < 1<<20 {
						verified = "overlap" // read twice, being small
					}
					if v := o.receipts["f"].Verified; verified != "" && v != verified {
						t.Errorf("got verified %q, want %q", v, verified)
					}
					if n := o.receipts["f"].errors(); n != 0 {
						t.Errorf("errors %v", o.receipts["f"].Errors)
					}
					if o.took > time.Second {
						t.Errorf("took %v", o.took)
					}
				})
			})
		}
	}
}

package fetch

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/serve"
	"payload-ipc/pkg/flight/sign"
	"payload-ipc/pkg/flight/window"
)

var runKey = &sign.Key{1, 2, 3}

// A late listener lets its clients wait: whoever else answers is faster.
type late struct {
	net.Listener
	by time.Duration
}

func (l late) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	time.Sleep(l.by)
	return nc, err
}

// shareOn serves files on an address of this machine until the test ends.
func shareOn(t *testing.T, host string, key *sign.Key, by time.Duration, files map[string]string) netip.AddrPort {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(root+"/"+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := serve.Server{Root: root, Key: key, Name: "sdr-serve/1"}
		s.Serve(ctx, late{ln, by})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return netip.MustParseAddrPort(ln.Addr().String())
}

// relay passes connections on to another address, and what comes back as edit
// makes it.
func relay(t *testing.T, host string, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				up, err := net.Dial("tcp", to.String())
				if err != nil {
					return
				}
				defer up.Close()
				go io.Copy(up, nc)
				io.Copy(nc, up)
			}()
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// answering answers every request with raw.
func answering(t *testing.T, host string, handler http.HandlerFunc) netip.AddrPort {
	t.Helper()
	ln, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler}
	go s.Serve(ln)
	t.Cleanup(func() { s.Close() })
	return netip.MustParseAddrPort(ln.Addr().String())
}

// bring runs one Fetcher against real servers.
func bring(t *testing.T, f Fetcher, length time.Duration) outcome {
	t.Helper()
	d := tempDir(t)
	f.Outbox, f.Stage = d+"/outbox", d+"/stage"
	if err := os.Mkdir(f.Outbox, 0o755); err != nil {
		t.Fatal(err)
	}
	if f.Dial == nil {
		f.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		}
	}
	f.Window = window.Spec{For: length}.Open()
	defer f.Window.Close()
	var o outcome
	o.Result = f.Run(t.Context())
	o.files, o.receipts = readOutbox(t, f.Outbox)
	return o
}

// Whoever answers first on the other address, and however right it looks: of
// nobody without the key one byte is taken, and the file comes from who has it.
func TestImpostors(t *testing.T) {
	t.Parallel()
	right, wrong := text(3<<20, "right"), text(3<<20, "wrong")
	for name, impostor := range map[string]func(t *testing.T, sdr netip.AddrPort) netip.AddrPort{
		"without a key": func(t *testing.T, _ netip.AddrPort) netip.AddrPort {
			return shareOn(t, "127.0.0.2", nil, 0, map[string]string{"f": wrong, "g": wrong})
		},
		"with another": func(t *testing.T, _ netip.AddrPort) netip.AddrPort {
			return shareOn(t, "127.0.0.2", &sign.Key{3, 2, 1}, 0, map[string]string{"f": wrong, "g": wrong})
		},
		"who passes it on": func(t *testing.T, sdr netip.AddrPort) netip.AddrPort { return relay(t, "127.0.0.2", sdr) },
		"who forbids": func(t *testing.T, _ netip.AddrPort) netip.AddrPort {
			return answering(t, "127.0.0.2", func(w http.ResponseWriter, q *http.Request) { w.WriteHeader(403) })
		},
		"who redirects": func(t *testing.T, _ netip.AddrPort) netip.AddrPort {
			return answering(t, "127.0.0.2", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, "/g", http.StatusMovedPermanently) })
		},
		"who sends the signature back": func(t *testing.T, _ netip.AddrPort) netip.AddrPort {
			return answering(t, "127.0.0.2", func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Signature", q.Header.Get("Signature"))
				w.Header().Set("Signature-Input", q.Header.Get("Signature-Input"))
				io.WriteString(w, wrong)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sdr := shareOn(t, "127.0.0.1", runKey, 100*time.Millisecond, map[string]string{"f": right, "g": right})
			other := impostor(t, sdr)
			f := Fetcher{From: []netip.AddrPort{other, sdr}, Key: runKey, Paths: []Path{{"/f", "f"}, {"/", "all"}}}
			o := bring(t, f, 20*time.Second)
			r := o.receipts["f"]
			if o.Exit != 0 || o.files["f"] != right || o.files["all_g"] != right || r.Verified != "digest" || !strings.Contains(r.Reason, "signed with this run's key") ||
				r.Errors["unsigned"] == 0 && name != "who passes it on" { // that takes as long as the SDR
				t.Errorf("exit %d, %d bytes: %+v", o.Exit, len(o.files["f"]), r)
			}

			f.From = f.From[:1]
			o = bring(t, f, 2500*time.Millisecond)
			r = o.receipts["f"]
			if o.Exit != 4 || len(o.files) > 0 || r.Errors["unsigned"] == 0 || !strings.Contains(r.Reason, "not signed with this run's key") {
				t.Errorf("alone: exit %d, %d files: %+v", o.Exit, len(o.files), r)
			}
		})
	}
}

// A meddler changes bytes on their way to who asks.
type meddler struct {
	net.Conn
	old, new string
}

func (m *meddler) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	copy(p[:n], bytes.ReplaceAll(p[:n], []byte(m.old), []byte(m.new)))
	return n, err
}

// Who sits on the line can cut it, and no more: what does not match a digest
// that is signed is not published, not as a part either.
func TestMeddlers(t *testing.T) {
	t.Parallel()
	right := text(3<<20, "right")
	sdr := shareOn(t, "127.0.0.1", runKey, 0, map[string]string{"f": right})
	for _, c := range []struct {
		name, old, new string
		f              Fetcher
		part           bool // what precedes it is published
	}{
		{name: "the first byte", old: "right line 00000000", new: "wrong line 00000000"},
		{name: "in the middle", old: "right line 00060000", new: "wrong line 00060000", part: true},
		{name: "all of a short one", old: "right", new: "wrong", f: Fetcher{Tail: 1000}},
		{name: "all that may be had", old: "right", new: "wrong", f: Fetcher{MaxBytes: 1000}},
		{name: "a field", old: "bytes 0-", new: "bytes 1-"},
		{name: "the status", old: "HTTP/1.1 206", new: "HTTP/1.1 200"},
		{name: "a listing", old: `"f"`, new: `"g"`, f: Fetcher{Paths: []Path{{"/", "all"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.f
			f.From, f.Key, f.Reserve = []netip.AddrPort{sdr}, runKey, time.Second
			if f.Paths == nil {
				f.Paths = []Path{{"/f", "f"}}
			}
			f.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
				nc, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
				if err != nil {
					return nil, err
				}
				return &meddler{nc, c.old, c.new}, nil
			}
			o := bring(t, f, 2500*time.Millisecond)
			for name, content := range o.files {
				if !c.part || !strings.HasPrefix(right, content) {
					t.Errorf("published %s of %d bytes, %.60q", name, len(content), content)
				}
			}
			if o.Exit == 0 || c.part && len(o.files) == 0 {
				t.Errorf("exit %d, %d files, %+v", o.Exit, len(o.files), o.receipts)
			}
		})
	}
}

// Nothing is asked for that is too long for a digest.
func TestKeyBoundsPieces(t *testing.T) {
	w := window.Spec{}.Open()
	defer w.Close()
	for _, key := range []*sign.Key{nil, runKey} {
		most := int64(MaxPiece)
		if key != nil {
			most -= maxOverlap
		}
		if got := (Fetcher{Window: w, Piece: MaxPiece, Key: key}).withDefaults().Piece; got != most {
			t.Errorf("got %d, want %d", got, most)
		}
	}
}

// --max-bytes below the length of a first answer, and a tail, are no reason to
// take less than what is signed and right.
func TestKeyWithLimits(t *testing.T) {
	t.Parallel()
	right := text(300_000, "right")
	sdr := shareOn(t, "127.0.0.1", runKey, 0, map[string]string{"f": right})
	for _, c := range []struct {
		f    Fetcher
		name string
		want string
	}{
		{Fetcher{MaxBytes: 1000}, "f.part", right[:1000]},
		{Fetcher{MaxBytes: 100_000}, "f.part", right[:100_000]},
		{Fetcher{Tail: 1000}, "f", right[299_000:]},
		{Fetcher{Tail: 200_000}, "f", right[100_000:]},
		{Fetcher{Tail: 60_000, MaxBytes: 1000}, "f.part", right[240_000:241_000]},
	} {
		f := c.f
		f.From, f.Key, f.Paths = []netip.AddrPort{sdr}, runKey, []Path{{"/f", "f"}}
		if o := bring(t, f, 10*time.Second); o.files[c.name] != c.want || o.receipts["f"].Verified != "digest" {
			t.Errorf("%+v: exit %d, %q, %+v", c.f, o.Exit, keys(o.files), o.receipts["f"])
		}
	}
}

package plan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// shells are those that the bootstrap must do with: argv, and which of
// busybox's applets stand before the programs of this machine.
func shells(t *testing.T) map[string]shell {
	all := map[string]shell{
		"dash": {[]string{"dash"}, nil}, "bash": {[]string{"bash", "--posix"}, nil},
		// With GNU wget, as on the payload, and with its own.
		"busybox":      {[]string{"busybox", "sh"}, []string{"sha256sum", "sleep", "date", "mkdir", "mv", "rm", "chmod", "head", "wc"}},
		"busybox wget": {[]string{"busybox", "sh"}, []string{"wget"}},
		// One that takes its own applets whatever PATH says (scripts/peers).
		"busybox alone": {[]string{"../../../tmp/peers/busybox-static/busybox", "sh"}, nil},
	}
	for name, s := range all {
		p, err := exec.LookPath(s.argv[0])
		if err == nil {
			p, err = filepath.Abs(p)
		}
		if err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Errorf("%s: %v; scripts/peers brings it", name, err)
			}
			t.Logf("%s is missing: not tried", s.argv[0])
			delete(all, name)
			continue
		}
		all[name] = shell{append([]string{p}, s.argv[1:]...), s.applets}
	}
	return all
}

type shell struct {
	argv, applets []string
}

const (
	good   = "the program"
	old    = "the old program"
	wrong  = "wrong bytes"
	cut    = "a part of it"
	silent = "nothing, and the connection stays"
	slow   = "8 KB a second"
)

// The real script under the real shells, with the payload's directories moved.
func TestBootstrap(t *testing.T) {
	for _, tt := range []struct {
		name    string
		aboard  string            // "", good or cut: what is in the first directory before
		serve   map[string]string // what each of the two addresses gives; nobody listens where there is nothing
		after   time.Duration     // that they listen
		persist string            // "", "full" or "none"
		tmp     string            // "none": neither are the other directories
		wget    string            // "none"
		window  time.Duration     // 30 s if it is to run, else 6 s
		ran     string            // good, old, or "" if nothing can run
		says    string            // the log, if nothing runs
		fetches int64             // -1: any number
	}{
		{name: "fetched", serve: map[string]string{"127.0.0.1": good}, ran: good, fetches: 1},
		{name: "from the second address", serve: map[string]string{"127.0.0.2": good}, ran: good, fetches: 1},
		{name: "late server", serve: map[string]string{"127.0.0.1": good}, after: 1200 * time.Millisecond, ran: good, fetches: 1},
		{name: "aboard already", aboard: good, ran: good},
		{name: "aboard already, no wget", aboard: good, wget: "none", ran: good},
		{name: "torn copy aboard", aboard: cut, serve: map[string]string{"127.0.0.1": good}, ran: good, fetches: 1},
		{name: "silent first address", serve: map[string]string{"127.0.0.1": silent, "127.0.0.2": good}, ran: good, fetches: -1},
		{name: "the old one runs there", serve: map[string]string{"127.0.0.1": old}, ran: old, fetches: 1},
		{name: "persist full", persist: "full", serve: map[string]string{"127.0.0.1": good}, ran: good, fetches: 1},
		{name: "no persist", persist: "none", serve: map[string]string{"127.0.0.1": good}, ran: good, fetches: 1},
		{name: "no directory", persist: "none", tmp: "none", serve: map[string]string{"127.0.0.1": good}, says: "no room"},
		{name: "no wget", wget: "none", serve: map[string]string{"127.0.0.1": good}, says: "no wget"},
		{name: "wrong bytes", serve: map[string]string{"127.0.0.1": wrong}, says: "no server gave it whole", fetches: -1},
		{name: "cut short", serve: map[string]string{"127.0.0.1": cut}, says: "no server gave it whole", fetches: -1},
		{name: "silent", serve: map[string]string{"127.0.0.1": silent}, says: "no server gave it whole", fetches: -1},
		{name: "slow", serve: map[string]string{"127.0.0.1": slow}, window: 9 * time.Second, says: "no server gave it whole", fetches: 1},
		{name: "nobody", says: "no server gave it whole"},
	} {
		for name, sh := range shells(t) {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				text := map[string]string{}
				for _, v := range []string{good, old} {
					text[v] = fmt.Sprintf("#!/bin/sh\nprintf '%%s ' %q \"$@\" >%s/ran\nexit\n", v, root) + strings.Repeat("# so that it has a size\n", 8000)
				}
				text[wrong], text[cut] = text[good]+"\n", text[good][:20_000]
				id := func(v string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text[v]))) }

				dirs := map[string]string{"/persist/bin": tt.persist, "/var/tmp": tt.tmp, "/dev/shm": tt.tmp, "/tmp": tt.tmp}
				for d, state := range dirs {
					if state == "none" {
						os.MkdirAll(filepath.Dir(root+d), 0o755)
						os.WriteFile(root+d, nil, 0o644)
						continue
					}
					os.MkdirAll(root+d, 0o755)
					if state == "full" {
						continue
					}
					os.WriteFile(root+d+"/.payload-01234567.99", []byte("what a cut left"), 0o755)
				}
				os.Mkdir(root+"/outbox", 0o755)
				if tt.aboard != "" {
					os.WriteFile(root+"/persist/bin/.payload-"+id(good)[:8], []byte(text[tt.aboard]), 0o755)
				}

				var hits atomic.Int64
				port := serveAt(t, tt.after, tt.serve, func(gives string, w http.ResponseWriter, r *http.Request) {
					hits.Add(1)
					if r.URL.Path != "/proc/self/exe" {
						t.Errorf("asked for %s", r.URL.Path)
					}
					w.Header().Set("Content-Length", fmt.Sprint(len(text[good])))
					switch gives {
					case silent:
						<-r.Context().Done()
					case slow:
						for b := []byte(text[good]); r.Context().Err() == nil && len(b) > 8000; b = b[8000:] {
							w.Write(b[:8000])
							w.(http.Flusher).Flush()
							select {
							case <-r.Context().Done():
							case <-time.After(time.Second):
							}
						}
					default:
						w.Header().Set("Content-Length", fmt.Sprint(len(text[gives])))
						w.Write([]byte(text[gives]))
					}
				})
				s := tutorial(handover, func(s *Spec) {
					a := &s.Artifacts[0]
					a.Unpacked, a.UnpackedSize, a.OldID = id(good), int64(len(text[good])), id(old)[:8]
					s.Port, s.SDR = port, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
					if s.FetchDuration = 30 * time.Second; tt.ran == "" {
						s.FetchDuration = max(6*time.Second, tt.window)
					}
				})
				w := s.Pass("FM1", time.Now()).Windows[1]
				argv := append(append(sh.argv[:len(sh.argv):len(sh.argv)], "-c", moved(t, root, w.Args[1], sh, tt.wget)), w.Args[2:]...)
				if tt.persist == "full" {
					argv = inNamespace(t, fmt.Sprintf("mount -t tmpfs -o size=64k none %s/persist && mkdir %s/persist/bin", root, root), argv)
				}
				cmd := exec.Command(argv[0], argv[1:]...)
				cmd.Env, cmd.Dir = []string{}, "/"
				begun := time.Now()
				out, _ := cmd.CombinedOutput()
				took := time.Since(begun)

				wantCode := 0
				if tt.ran == "" {
					wantCode = 1
				}
				if got := cmd.ProcessState.ExitCode(); got != wantCode {
					t.Errorf("exit %d, want %d: %s", got, wantCode, out)
				}
				ran, _ := os.ReadFile(root + "/ran")
				if want := tt.ran + " sabertooth-fetch --until"; tt.ran != "" && !bytes.HasPrefix(ran, []byte(want)) || tt.ran == "" && ran != nil {
					t.Errorf("ran %q, want %q: %s", ran, want, out)
				}
				if n := hits.Load(); tt.fetches >= 0 && n != tt.fetches || tt.fetches < 0 && n < 1 {
					t.Errorf("%d fetches, want %d", n, tt.fetches)
				}
				log, _ := os.ReadFile(root + "/outbox/sabertooth-fetch.log")
				if errors := bytes.Count(log, []byte(`"level":"error"`)); tt.ran == "" && (errors != 1 || !bytes.Contains(log, []byte(tt.says))) || tt.ran != "" && errors != 0 {
					t.Errorf("log: got %q, want %q", log, tt.says)
				}
				if tt.ran == "" && took > s.FetchDuration-time.Second {
					t.Errorf("took %v of a window of %v", took, s.FetchDuration)
				}
				whole, _ := filepath.Glob(root + "/*/*/.payload-*")
				more, _ := filepath.Glob(root + "/tmp/.payload-*")
				for _, file := range append(whole, more...) {
					if filepath.Ext(filepath.Base(file)[1:]) != "" && (hits.Load() > 0 && strings.Contains(file, "/persist/bin/")) || strings.Contains(file, id(good)[:8]+".") {
						t.Errorf("left %s", file)
					}
				}
			})
		}
	}
}

// serveAt answers at the same port of several addresses, once the time has
// come.
func serveAt(t *testing.T, after time.Duration, gives map[string]string, answer func(gives string, w http.ResponseWriter, r *http.Request)) (port int) {
	t.Helper()
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = probe.Addr().(*net.TCPAddr).Port
	probe.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for addr, what := range gives {
		server := &http.Server{Addr: fmt.Sprintf("%s:%d", addr, port), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(what, w, r) })}
		listening := make(chan struct{})
		wg.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(after):
			}
			l, err := net.Listen("tcp", server.Addr)
			close(listening)
			if err != nil {
				t.Error(err)
				return
			}
			context.AfterFunc(ctx, func() { server.Close() })
			server.Serve(l)
		})
		if after == 0 {
			<-listening
		}
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return port
}

// moved is the script with the payload's directories below root, and a PATH
// that begins with what the shell brings. Without wget it has all else.
func moved(t *testing.T, root, script string, sh shell, wget string) string {
	t.Helper()
	const dirs = "'/persist/bin /var/tmp /dev/shm /tmp'"
	if !strings.Contains(script, dirs) {
		t.Fatalf("where does it look? %s", script)
	}
	os.Mkdir(root+"/bin", 0o755)
	for _, a := range sh.applets {
		os.Symlink(sh.argv[0], root+"/bin/"+a)
	}
	path := root + "/bin:/bin:/usr/bin"
	if wget == "none" {
		if strings.Contains(sh.argv[0], "busybox-static") {
			t.Skip("its wget is part of the shell")
		}
		for _, tool := range []string{"sha256sum", "date", "rm", "sleep", "mkdir", "head", "chmod", "wc", "mv"} {
			if p, err := exec.LookPath(tool); err == nil {
				os.Symlink(p, root+"/bin/"+tool)
			}
		}
		os.Remove(root + "/bin/wget")
		path = root + "/bin"
	}
	return strings.NewReplacer("PATH=/bin:/usr/bin ", "PATH="+path+" ", "/outbox/", root+"/outbox/",
		dirs, fmt.Sprintf("'%[1]s/persist/bin %[1]s/var/tmp %[1]s/dev/shm %[1]s/tmp'", root)).Replace(script)
}

// inNamespace runs argv behind setup as root of a mount namespace of its own.
func inNamespace(t *testing.T, setup string, argv []string) []string {
	t.Helper()
	unshare, err := exec.LookPath("unshare")
	if err != nil || exec.Command(unshare, "-rm", "true").Run() != nil {
		if os.Getenv("REQUIRE_PEERS") == "1" {
			t.Fatal("no namespaces here")
		}
		t.Skip("no namespaces here")
	}
	return append([]string{unshare, "-rm", "/bin/sh", "-c", "PATH=/bin:/usr/bin:/sbin:/usr/sbin; " + setup + ` && exec "$@"`, "sh"}, argv...)
}

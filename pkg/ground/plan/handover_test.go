package plan

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// The real script under the real shells, with /persist and /outbox moved.
func TestBootstrap(t *testing.T) {
	shells := map[string][]string{}
	for name, argv := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}} {
		p, err := exec.LookPath(argv[0])
		if err != nil {
			if os.Getenv("REQUIRE_PEERS") == "1" {
				t.Errorf("%s is missing; install it", argv[0])
			}
			t.Logf("%s is missing: not tried", argv[0])
			continue
		}
		shells[name] = append([]string{p}, argv[1:]...)
	}
	program := "#!/bin/sh\nprintf '%s ' \"$@\" >\"${0%/persist/*}/ran\"\n"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(program)))
	type step struct {
		aboard  string        // content that is there before
		serve   string        // content that the SDR gives
		after   time.Duration // that the SDR's server appears
		code    int
		ran     bool
		fetches string // "0", "1", "some"
	}
	for _, tt := range []struct {
		name string
		step
	}{
		{"fetched", step{serve: program, ran: true, fetches: "1"}},
		{"late server", step{serve: program, after: 1200 * time.Millisecond, ran: true, fetches: "1"}},
		{"aboard already", step{aboard: program, ran: true, fetches: "0"}},
		{"torn copy aboard", step{aboard: program[:20], serve: program, ran: true, fetches: "1"}},
		{"wrong bytes", step{serve: program + "\n", code: 1, fetches: "some"}},
		{"cut short", step{serve: program[:20], code: 1, fetches: "some"}},
		{"nobody", step{after: time.Hour, code: 1, fetches: "0"}},
	} {
		for shell, argv := range shells {
			t.Run(tt.name+" "+shell, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				for _, d := range []string{"persist", "outbox", "bin"} {
					os.Mkdir(filepath.Join(root, d), 0o755)
				}
				var hits atomic.Int64
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					hits.Add(1)
					if !strings.HasSuffix(r.URL.Path, "/persist/bin/payload-"+sum[:8]) {
						t.Errorf("asked for %s", r.URL.Path)
					}
					w.Write([]byte(tt.serve))
				}))
				defer server.Close()
				port := server.Listener.Addr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port()
				addr := server.Listener.Addr().String()
				if tt.after > 0 {
					server.Listener.Close() // nobody listens until then
				}
				if tt.after < time.Minute {
					timer := time.AfterFunc(tt.after, func() {
						if tt.after > 0 {
							l, err := listen(addr)
							if err != nil {
								t.Error(err)
								return
							}
							server.Listener = l
						}
						server.Start()
					})
					defer timer.Stop()
				}
				s := tutorial(handover, func(s *Spec) {
					s.Artifacts[0].SHA256, s.Port = sum, int(port)
					s.SDR = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}
					if s.FetchDuration = 30 * time.Second; !tt.ran {
						s.FetchDuration = 7500 * time.Millisecond // waits for its end
					}
				})
				dest := filepath.Join(root, s.Artifacts[0].Destination())
				if tt.aboard != "" {
					os.MkdirAll(filepath.Dir(dest), 0o755)
					os.WriteFile(dest, []byte(tt.aboard), 0o755)
				}
				w := s.Pass("FM1", time.Now()).Windows[1]
				script := strings.NewReplacer("/persist/", root+"/persist/", "/outbox/", root+"/outbox/").Replace(w.Args[1])
				if shell == "busybox" { // its own applets, but GNU wget, as on the payload
					for _, a := range []string{"sha256sum", "sleep", "date", "mkdir", "mv", "rm", "chmod"} {
						os.Symlink(argv[0], filepath.Join(root, "bin", a))
					}
					script = strings.Replace(script, "PATH=/bin:", "PATH="+root+"/bin:/bin:", 1)
				}
				cmd := exec.Command(argv[0], append(append(argv[1:len(argv):len(argv)], "-c", script), w.Args[2:]...)...)
				cmd.Env, cmd.Dir = []string{}, "/"
				begun := time.Now()
				out, _ := cmd.CombinedOutput()
				took := time.Since(begun)
				if got := cmd.ProcessState.ExitCode(); got != tt.code {
					t.Errorf("exit %d, want %d: %s", got, tt.code, out)
				}
				ran, _ := os.ReadFile(filepath.Join(root, "ran"))
				if want := "sabertooth-fetch --until"; strings.HasPrefix(string(ran), want) != tt.ran {
					t.Errorf("ran %q: %s", ran, out)
				}
				if want := strings.Join(w.Args[2:], " ") + " "; tt.ran && string(ran) != want {
					t.Errorf("ran %q, want %q: what the program takes off --for is not taken off here", ran, want)
				}
				if n := hits.Load(); tt.fetches != "some" && fmt.Sprint(n) != tt.fetches || tt.fetches == "some" && n < 2 {
					t.Errorf("%d fetches, want %s", n, tt.fetches)
				}
				log, _ := os.ReadFile(filepath.Join(root, "outbox/sabertooth-fetch.log"))
				if !tt.ran && !strings.Contains(string(log), `"level":"error"`) {
					t.Errorf("no line about the failure: %q", log)
				}
				if !tt.ran && took > 7500*time.Millisecond {
					t.Errorf("took %v of a window of 7.5 s", took)
				}
				if files, _ := filepath.Glob(filepath.Join(root, "persist/bin/*")); tt.ran && len(files) != 1 || !tt.ran && len(files) != 0 {
					t.Errorf("left %q", files)
				}
			})
		}
	}
}

func listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

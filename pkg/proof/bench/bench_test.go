package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func files(t *testing.T) string {
	t.Helper()
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Want-Content-Digest") != "" {
			w.Header().Set("Content-Digest", "sha-256=:x:")
		}
		if r.URL.Path == "/short" {
			w.Header().Set("Content-Length", "1000")
			w.Write(body[:10])
			return
		}
		http.ServeContent(w, r, "f", time.Time{}, bytes.NewReader(body))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestClient(t *testing.T) {
	addr := files(t)
	const size = 1 << 20
	if l, err := whole(addr, "/f"); err != nil || l.bytes != size {
		t.Errorf("whole: got %d bytes, %v", l.bytes, err)
	}
	if l, err := parallelRanges(addr, "/f", size, 16); err != nil || l.bytes != size || l.requests != 16 {
		t.Errorf("16 ranges: got %+v, %v", l, err)
	}
	if l, err := pieces(addr, "/f", size, 300_000, 2, true); err != nil || l.bytes != size || l.requests != 4 {
		t.Errorf("pieces: got %+v, %v", l, err)
	}
	if _, err := whole(addr, "/short"); err == nil {
		t.Error("a body that ends early was taken for whole")
	}
	if !knowsRanges(addr, "/f") {
		t.Error("no ranges")
	}
	if l := many(addr, "/f", size, 2, time.Second); l.requests < 1 || l.failed > 0 {
		t.Errorf("many: got %+v", l)
	}
	if l := many(addr, "/f", size-1, 1, time.Second); l.failed == 0 {
		t.Error("answers of the wrong size were counted as good")
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("x")) }))
	defer plain.Close()
	at := plain.Listener.Addr().String()
	if knowsRanges(at, "/f") {
		t.Error("ranges where there are none")
	}
	if _, err := pieces(at, "/f", 100, 10, 1, true); err == nil {
		t.Error("a 200 passed for a piece")
	}
}

// The usage of a shell that works, and of its child, is seen; that of one that
// sleeps is not.
func TestUsage(t *testing.T) {
	work := func(script string) (time.Duration, int64) {
		cmd := exec.Command("sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		u := watch(cmd.Process.Pid)
		cmd.Wait()
		defer u.end()
		return u.cpuTime(), u.peakMemory()
	}
	busy, peak := work("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; (i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done); sleep 0.01")
	idle, _ := work("sleep 0.3")
	if busy < 3*idle || peak < 100_000 {
		t.Errorf("busy %v, idle %v, peak %d", busy, idle, peak)
	}
}

func TestTargets(t *testing.T) {
	r := newResults()
	for _, x := range r.Targets(1 << 28) {
		if x.Known || x.Holds {
			t.Errorf("%s: known %v, holds %v without a measurement", x.What, x.Known, x.Holds)
		}
	}
	add := func(who, what string, vs ...float64) {
		for _, v := range vs {
			r.add(who, what, v)
		}
	}
	add(ours, bigRate, 90, 100, 110)
	add("nginx", bigRate, 104)
	add("net/http FileServer", bigRate, 80)
	add(ours, bigCPU, 0.13)
	add("nginx", bigCPU, 0.1)
	for i := range 100 {
		add(oursDigest, published, float64(i*5))
	}
	got := map[string]bool{}
	for _, x := range r.Targets(1 << 28) {
		if x.Known {
			got[x.What] = x.Holds
		}
	}
	for what, want := range map[string]bool{"plain throughput": true, "CPU per GiB": false, "median": false, "99th": false} {
		for name, holds := range got {
			if strings.Contains(name, what) && holds != want {
				t.Errorf("%s: holds %v, want %v", name, holds, want)
			}
		}
	}
	if len(got) != 4 {
		t.Errorf("got %v, want 4 that are known", got)
	}
	r.add(oursDigest, "clean line"+wrong, 1)
	if r.Wrong() != 1 {
		t.Errorf("got %d wrong, want 1", r.Wrong())
	}
	if r.note("nginx", "", "x"); r.Broken() != "" {
		t.Errorf("got %q of nginx, want nothing of a peer", r.Broken())
	}
	if r.note(ours, "", "got 503"); r.Broken() != "got 503" {
		t.Errorf("got %q, want what broke ours", r.Broken())
	}
	text := r.Text(Bench{Rounds: 3, Big: 1 << 30})
	for _, want := range []string{"100 (90 to 110)", "1.30", "Wrong results of sabertooth-fetch: 1."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var lines bytes.Buffer
	if err := r.JSON(&lines, Bench{}); err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for d := json.NewDecoder(&lines); d.More(); {
		var line struct {
			Target, Measurement, Of string
			Values                  []float64
		}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if line.Target != "" {
			told["targets"]++
		}
		told[line.Of+": "+line.Measurement] += len(line.Values)
	}
	if told["targets"] != 4 || told[ours+": "+bigRate] != 3 || told[oursDigest+": "+published] != 100 {
		t.Errorf("as JSON: %v", told)
	}
	for name, svg := range r.Charts() {
		if !bytes.HasPrefix(svg, []byte("<svg")) {
			t.Errorf("%s is no picture", name)
		}
	}
}

func TestSample(t *testing.T) {
	s := sample{4, 1, 3, 2}
	if got := fmt.Sprint(s.median(), s.low(), s.high(), s.at(0.99)); got != "2.5 1 4 3.9699999999999998" {
		t.Errorf("got %s", got)
	}
}

func TestAlike(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{"a": "x", "b": "x", "c": "y"} {
		if err := os.WriteFile(dir+"/"+name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !alike(dir+"/a", dir+"/c", dir+"/b") || alike(dir+"/a", dir+"/c") || alike(dir+"/none", dir+"/a") {
		t.Error("alike says what is not so")
	}
}

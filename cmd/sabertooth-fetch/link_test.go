package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"payload-ipc/pkg/flight/window"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// toxic starts a proxy with what is wrong with its link.
func toxic(t *testing.T, port int, upstream string, toxics ...string) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "link", fmt.Sprint("127.0.0.1:", port), upstream)
	for _, x := range toxics {
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(x)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// TestToxics runs the two agents over links with every toxic.
func TestToxics(t *testing.T) {
	data := lines(0, 3<<20)
	dir := memory(t)
	os.Mkdir(dir+"/root", 0o755)
	os.WriteFile(dir+"/root/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/root", upstream, "--for", "5m")
	down := func(kind, attributes string) string {
		return `{"name":"` + kind + `","type":"` + kind + `","stream":"downstream","attributes":{` + attributes + `}}`
	}
	for _, c := range []struct {
		name   string
		toxics []string
		exit   int
		during func(p *toxiproxy.Proxy)
	}{
		{"clean", nil, 0, nil},
		{"latency", []string{down("latency", `"latency":100,"jitter":80`)}, 0, nil},
		{"bandwidth", []string{down("bandwidth", `"rate":1000`)}, 0, nil},
		{"slicer", []string{down("slicer", `"average_size":500,"size_variation":400,"delay":50`)}, 0, nil},
		{"reset", []string{down("limit_data", `"bytes":900000`)}, 0, nil},
		{"reset soon", []string{down("reset_peer", `"timeout":40`)}, 0, func(p *toxiproxy.Proxy) {
			time.Sleep(2 * time.Second)
			p.Toxics.RemoveToxic(t.Context(), "reset_peer")
		}},
		{"silence at first", []string{down("timeout", `"timeout":0`)}, 0, func(p *toxiproxy.Proxy) {
			time.Sleep(1500 * time.Millisecond)
			p.Toxics.RemoveToxic(t.Context(), "timeout")
		}},
		{"silence for ever", []string{down("timeout", `"timeout":0`)}, 4, nil},
		{"trickle", []string{down("bandwidth", `"rate":20`)}, 3, nil},
		{"down and up", []string{down("bandwidth", `"rate":3000`)}, 0, func(p *toxiproxy.Proxy) {
			for range 4 {
				time.Sleep(200 * time.Millisecond)
				p.Stop()
				time.Sleep(300 * time.Millisecond)
				p.Start()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t, memory(t))
			p := toxic(t, b.port, upstream, c.toxics...)
			if c.during != nil {
				go c.during(p)
			}
			r := b.fetch("--for", "12s", "/f")
			if r.exit != c.exit || c.exit == 0 && r.files["f"] != data || r.took > 12*time.Second {
				t.Errorf("exit %d after %v, want %d; %d bytes\n%s", r.exit, r.took, c.exit, len(r.files["f"]), r.log)
			}
			for name, got := range r.files {
				if !strings.HasPrefix(data, got) {
					t.Errorf("%s: not the file", name)
				}
			}
			if most := int64(len(data)) * 102 / 100; r.receipts["f"].Received > most {
				t.Errorf("received %d bytes of %d", r.receipts["f"].Received, len(data))
			}
		})
	}
}

// TestLiveLogOverASlowLink: transfers take long enough for several rotations.
func TestLiveLogOverASlowLink(t *testing.T) {
	for _, p := range peers {
		for _, rotate := range []string{"rename", "copytruncate"} {
			t.Run(p.name+"/"+rotate, func(t *testing.T) {
				t.Parallel()
				dir := memory(t)
				root := filepath.Join(dir, "root")
				os.Mkdir(root, 0o755)
				b := newBox(t, dir)
				write(t, root+"/syslog", rotate)
				port := freePort(t)
				p.start(t, root, port)
				toxic(t, b.port, fmt.Sprint("127.0.0.1:", port),
					`{"type":"bandwidth","stream":"downstream","attributes":{"rate":400}}`,
					`{"type":"limit_data","stream":"downstream","attributes":{"bytes":150000}}`)
				for range 3 {
					r := b.fetch("--for", "4s", "--reserve", "500ms", "/syslog=log0")
					for name, data := range r.files {
						if err := oneLog(data, true); err != nil {
							t.Errorf("%s: %d bytes: %v\n%+v\n%s", name, len(data), err, r.receipts, r.log)
						}
					}
					b.empty()
				}
			})
		}
	}
}

// cutter is a link that is reset after random amounts of bytes.
type cutter struct {
	upstream string
	cuts     atomic.Int64 // left
	mean     int64
}

func (c *cutter) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("tcp", c.upstream)
			if err != nil {
				return
			}
			defer server.Close()
			go io.Copy(server, client)
			limit := int64(1) << 60
			if c.cuts.Load() > 0 {
				limit = 1 + rand.Int64N(2*c.mean)
			}
			n, _ := io.CopyN(client, server, limit)

			if n == limit {
				c.cuts.Add(-1)
				// The client reads what has come; then the reset does.
				time.Sleep(time.Millisecond)
				client.(*net.TCPConn).SetLinger(0)
			}
		}()
	}
}

// TestResets: 20 resets at random places cost at most 2 % more bytes.
func TestResets(t *testing.T) {
	data := lines(0, 24<<20)
	dir := memory(t)
	os.Mkdir(dir+"/root", 0o755)
	os.WriteFile(dir+"/root/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/root", upstream, "--for", "5m")
	b := newBox(t, dir)
	l, err := net.Listen("tcp", b.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &cutter{upstream: upstream, mean: int64(len(data)) / 21}
	c.cuts.Store(20)
	go c.serve(l)
	r := b.fetch("--for", "60s", "/f")
	if r.exit != 0 || r.files["f"] != data || r.receipts["f"].Verified != "digest" {
		t.Errorf("exit %d, %+v\n%s", r.exit, r.receipts, r.log)
	}
	x := r.receipts["f"]
	ratio := float64(x.Received) / float64(len(data))
	t.Logf("%d resets seen, bytes received / size %.4f, %v", 20-c.cuts.Load(), ratio, r.took)
	if ratio > 1.02 || c.cuts.Load() > 5 {
		t.Errorf("received %.4f of the size, %d cuts left", ratio, c.cuts.Load())
	}
}

// TestDeadlines: gone window.Margin before power may go, half of which is given
// to a machine that runs six at a time. FETCH_DEADLINES sets how many runs.
func TestDeadlines(t *testing.T) {
	n := 60
	if s := os.Getenv("FETCH_DEADLINES"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	data := lines(0, 3<<20)
	dir := memory(t)
	os.Mkdir(dir+"/root", 0o755)
	os.WriteFile(dir+"/root/f", []byte(data), 0o644)
	upstream := fmt.Sprint("127.0.0.1:", freePort(t))
	sdr(t, dir+"/root", upstream, "--for", "30m")
	slow, dying := freePort(t), freePort(t)
	toxic(t, slow, upstream, `{"type":"bandwidth","stream":"downstream","attributes":{"rate":300}}`)
	toxic(t, dying, upstream, `{"type":"limit_data","stream":"downstream","attributes":{"bytes":200000}}`)
	dark, silent := freePort(t), freePort(t)
	toxic(t, silent, upstream, `{"type":"timeout","stream":"downstream","attributes":{"timeout":0}}`)
	var late, count atomic.Int64
	var wg sync.WaitGroup
	todo := make(chan int)
	for range 6 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			d := memory(t)
			for i := range todo {
				b := &box{t: t, stage: fmt.Sprintf("%s/s%d", d, i), outbox: fmt.Sprintf("%s/o%d", d, i)}
				os.Mkdir(b.outbox, 0o755)
				b.port = []int{slow, dying, dark, silent}[i%4]
				length := time.Duration(1100+rand.IntN(1500)) * time.Millisecond
				r := b.fetch("--for", length.String(), "--reserve", "300ms", "/f")
				if over := r.end.Sub(r.began(t)) - (length - window.Margin); over > window.Margin/2 {
					late.Add(1)
					t.Errorf("%v late of %v, exit %d\n%s", over, length, r.exit, r.log)
				}
				if !strings.Contains(r.log, `"message":"done"`) {
					t.Errorf("no last line:\n%s", r.log)
				}
				if want := []string{"0 3", "0 3", "4", "4"}[i%4]; !strings.Contains(want, fmt.Sprint(r.exit)) {
					t.Errorf("exit %d, want %s\n%s", r.exit, want, r.log)
				}
				count.Add(1)
				os.RemoveAll(b.stage)
				os.RemoveAll(b.outbox)
			}
		}()
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
	t.Logf("%d of %d runs were late", late.Load(), count.Load())
}

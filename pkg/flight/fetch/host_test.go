package fetch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A host is a server whose every byte the test decides. Without a script it
// is correct, as far as its abilities go.
type host struct {
	ranges, digests, snapshots bool
	http10                     bool   // HTTP/1.0, a connection per answer
	framing                    string // of a 200: "" for Content-Length, "chunked", "close"
	etag                       func(f *file) string
	header                     string // further field lines

	// script changes the answer to the n-th request (from 0) to the peer.
	script func(n int, q *http.Request, a *reply)
	// onConn may refuse the n-th connection with an error, or block on ctx.
	onConn func(ctx context.Context, n int) error

	mu       sync.Mutex
	files    map[string]*file
	inodes   int
	conns    []time.Time
	requests []string
	sent     int64 // body bytes written
}

type file struct {
	inode int
	data  []byte
}

// A reply is an answer on its way out.
type reply struct {
	status  int
	head    []string // field lines, framing included
	body    []byte
	chunked bool
	raw     []byte        // instead of all the above
	cut     int           // body bytes after which the connection ends; -1 for never
	how     string        // ... by: "reset", "drop" (a reset that loses what is in flight), "fin", "hang"
	delay   time.Duration // before the head
	rate    int           // body bytes per second; 0 unlimited
	pauseAt int           // body bytes after which during is called; -1 never
	during  func()
	extra   []byte // behind the body
	close   bool
	deaf    bool // whole, behind which the connection can be read and no more be written to
	nothing bool // no answer at all: how says how the connection ends
}

func newPeer(files map[string]string) *host {
	p := &host{ranges: true, files: map[string]*file{}, etag: contentTag}
	for name, data := range files {
		p.put(name, []byte(data))
	}
	return p
}

// contentTag is a strong ETag.
func contentTag(f *file) string {
	return fmt.Sprintf(`"%d-%x"`, f.inode, crc32.ChecksumIEEE(f.data))
}

func (p *host) put(name string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inodes++
	p.files[name] = &file{p.inodes, data}
}

func (p *host) rename(from, to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[to] = p.files[from]
	delete(p.files, from)
}

func (p *host) remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.files, name)
}

// rewrite changes the content in place (copytruncate).
func (p *host) rewrite(name string, data []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[name].data = data
}

func (p *host) connect(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	n := len(p.conns)
	p.conns = append(p.conns, time.Now())
	p.mu.Unlock()
	if p.onConn != nil {
		if err := p.onConn(ctx, n); err != nil {
			return nil, err
		}
	}
	client, server := memPipe()
	go p.serve(server)
	return client, nil
}

func (p *host) serve(c *memConn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		q, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		p.mu.Lock()
		n := len(p.requests)
		if q.Method != "HEAD" {
			p.requests = append(p.requests, q.URL.RequestURI()+" "+q.Header.Get("Range"))
		}
		a := p.answer(q)
		p.mu.Unlock()
		if q.Method == "HEAD" {
			a.body, a.chunked = nil, false
		} else if p.script != nil {
			p.script(n, q, a)
		}
		if !p.write(c, a) {
			return
		}
	}
}

// answer is what a correct server says. The caller holds mu.
func (p *host) answer(q *http.Request) *reply {
	a := &reply{status: 200, cut: -1, pauseAt: -1, close: p.http10}
	f := p.files[q.URL.Path]
	size := -1
	if t := q.URL.Query().Get("snapshot"); t != "" && p.snapshots {
		f = nil
		for name, g := range p.files {
			var inode, n int
			var crc uint32
			fmt.Sscanf(t, "%d-%d-%x", &inode, &n, &crc)
			if path.Dir(name) == path.Dir(q.URL.Path) && g.inode == inode && len(g.data) >= n && front(g.data[:n]) == crc {
				f, size = g, n
			}
		}
		if f == nil {
			a.status, a.body = 410, []byte("gone")
			return p.frame(a)
		}
	}
	if f == nil {
		a.status, a.body = 404, []byte("not found")
		return p.frame(a)
	}
	data := f.data
	if size >= 0 {
		data = data[:size]
	}
	if p.snapshots {
		a.head = append(a.head, fmt.Sprintf("Content-Location: %s?snapshot=%d-%d-%x", q.URL.EscapedPath(), f.inode, len(data), front(data)))
	}
	if p.etag != nil {
		a.head = append(a.head, "ETag: "+p.etag(f))
	}
	if p.header != "" {
		a.head = append(a.head, p.header)
	}
	from, to := 0, len(data)
	if v, ok := strings.CutPrefix(q.Header.Get("Range"), "bytes="); ok && p.ranges {
		first, last, _ := strings.Cut(v, "-")
		if first == "" {
			n, _ := strconv.Atoi(last)
			from = max(0, len(data)-n)
		} else {
			from, _ = strconv.Atoi(first)
			if last != "" {
				n, _ := strconv.Atoi(last)
				to = min(n+1, len(data))
			}
		}
		if from >= len(data) {
			a.status = 416
			a.head = []string{fmt.Sprintf("Content-Range: bytes */%d", len(data))}
			return p.frame(a)
		}
		a.status = 206
		a.head = append(a.head, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, to-1, len(data)))
	}
	a.body = bytes.Clone(data[from:to])
	if p.digests && q.Header.Get("Want-Content-Digest") != "" && len(a.body) <= 8<<20 {
		a.head = append(a.head, digestLine(a.body))
	}
	if p.digests && q.Header.Get("Want-Repr-Digest") != "" && q.Method == "HEAD" && size >= 0 {
		a.head = append(a.head, strings.Replace(digestLine(a.body), "Content-", "Repr-", 1))
	}
	return p.frame(a)
}

func digestLine(b []byte) string {
	sum := sha256.Sum256(b)
	return "Content-Digest: sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func front(b []byte) uint32 {
	return crc32.Checksum(b[:min(len(b), 4096)], crc32.MakeTable(crc32.Castagnoli))
}

func (p *host) frame(a *reply) *reply {
	switch {
	case a.status == 200 && p.framing == "chunked":
		a.chunked = true
		a.head = append(a.head, "Transfer-Encoding: chunked")
	case a.status == 200 && p.framing == "close":
		a.close = true
	default:
		a.head = append(a.head, fmt.Sprintf("Content-Length: %d", len(a.body)))
	}
	return a
}

// write sends a; false: the connection is over.
func (p *host) write(c *memConn, a *reply) bool {
	time.Sleep(a.delay)
	if a.nothing {
		return p.end(c, a.how)
	}
	if a.raw != nil {
		c.Write(a.raw)
		if a.how != "" {
			return p.end(c, a.how)
		}
		return !a.close
	}
	v := "HTTP/1.1"
	if p.http10 {
		v = "HTTP/1.0"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %d x\r\n", v, a.status)
	for _, h := range a.head {
		b.WriteString(h + "\r\n")
	}
	if a.close && !p.http10 {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	if _, err := c.Write(b.Bytes()); err != nil {
		return false
	}
	step := 16 << 10
	if a.rate > 0 {
		step = max(1, a.rate/10)
	}
	for at := 0; at < len(a.body); {
		n := min(step, len(a.body)-at)
		if a.cut >= 0 {
			n = min(n, a.cut-at)
		}
		if a.pauseAt > at {
			n = min(n, a.pauseAt-at)
		}
		if a.pauseAt == at && a.during != nil {
			a.during()
		}
		if n == 0 && a.cut == at {
			break
		}
		out := a.body[at : at+n]
		if a.chunked {
			out = []byte(fmt.Sprintf("%x\r\n%s\r\n", n, out))
		}
		if _, err := c.Write(out); err != nil {
			return false
		}
		p.mu.Lock()
		p.sent += int64(n)
		p.mu.Unlock()
		at += n
		if a.rate > 0 {
			time.Sleep(time.Second / 10)
		}
	}
	if a.cut >= 0 {
		return p.end(c, a.how)
	}
	if a.deaf {
		c.in.end(nil, syscall.EPIPE, true)
		c.out.end(io.EOF, nil, false)
		return false
	}
	if a.chunked {
		io.WriteString(c, "0\r\n\r\n")
	}
	c.Write(a.extra)
	return !a.close
}

func (p *host) end(c *memConn, how string) bool {
	switch how {
	case "reset":
		// What was sent arrives before the reset does.
		time.Sleep(time.Millisecond)
		c.reset(false)
	case "drop":
		c.reset(true)
	case "hang":
		// Until the client gives up.
		io.Copy(io.Discard, c)
	}
	return false
}

func (p *host) count() (conns, requests int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns), len(p.requests)
}

func (p *host) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// requestsOf are those for a path.
func (p *host) requestsOf(path string) (n []string) {
	for _, r := range p.asked() {
		if strings.HasPrefix(r, path+" ") {
			n = append(n, r)
		}
	}
	return n
}

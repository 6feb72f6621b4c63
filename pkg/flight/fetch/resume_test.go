package fetch

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/flight/window"
)

// left puts a part on the stage as an earlier run leaves it.
func (b *bench) left(source, data string, id outbox.Identity) {
	b.t.Helper()
	s, err := outbox.Open(outbox.Config{Stage: b.stage, Outbox: b.outbox})
	if err != nil {
		b.t.Fatal(err)
	}
	defer s.Close()
	t, err := s.Target("f", source)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := t.New(id)
	if err != nil {
		b.t.Fatal(err)
	}
	for len(data) > 0 {
		n := min(len(data), 100_000)
		if err := p.Append([]byte(data[:n])); err != nil {
			b.t.Fatal(err)
		}
		p.Prove()
		data = data[n:]
	}
	if err := p.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) staged() []string {
	list, _ := filepath.Glob(b.stage + "/*.dat")
	return list
}

// TestResume is apt's resume matrix and more: what an earlier run left, by
// what the file is now, by what the server can do, by how it ends its answers.
func TestResume(t *testing.T) {
	old, n := text(400_000, "old"), 0
	for _, left := range []string{"nothing", "valid", "tiny", "bad", "torn cursor", "complete", "sealed", "unverified"} {
		for _, now := range []string{"same", "grown", "rotated", "rotated away", "copied", "spliced", "truncated", "shrunk", "empty"} {
			for _, abilities := range []string{"sdr", "digests", "ranges", "plain", "ranges lie"} {
				for _, framing := range []string{"", "chunked", "close"} {
					if framing != "" && abilities != "plain" {
						continue
					}
					// Every fifth says what another processor does: 7 kinds of server
					// by 9 files, which five does not divide.
					if n++; testing.Short() && n%5 != 0 {
						continue
					}
					t.Run(strings.Join([]string{left, now, abilities, framing}, "/"), func(t *testing.T) {
						virtual(t, func(t *testing.T, b *bench) { resume(t, b, left, now, abilities, framing, old) })
					})
				}
			}
		}
	}
}

func resume(t *testing.T, b *bench, left, now, abilities, framing, old string) {
	p := newPeer(map[string]string{"/f": old})
	p.framing = framing
	b.net.hosts[addrA] = p.connect
	switch abilities {
	case "sdr":
		p.digests, p.snapshots = true, true
	case "digests":
		p.digests = true
	case "plain":
		p.ranges = false
	case "ranges lie": // an ETag of nothing but the length
		p.etag = func(f *file) string { return fmt.Sprintf(`"%d"`, len(f.data)) }
	}
	id := outbox.Identity{Total: int64(len(old)), Verified: outbox.VerifiedDigest}
	if p.snapshots {
		id.Snapshot = fmt.Sprintf("/f?snapshot=1-%d-%x", len(old), front([]byte(old)))
	} else if !p.digests {
		id.Verified = outbox.VerifiedOverlap
	}
	held := old[:250_000]
	switch left {
	case "nothing":
		held = ""
	case "tiny":
		held = old[:10]
	case "complete":
		held, id.Complete = old, true
	case "sealed":
		id.Sealed = true
	case "unverified":
		id.Verified = outbox.VerifiedNone
	}
	if held != "" {
		b.left("/f", held, id)
	}
	switch left {
	case "bad":
		f, _ := os.OpenFile(b.staged()[0], os.O_RDWR, 0)
		f.WriteAt([]byte("?"), 150_000)
		f.Close()
	case "torn cursor":
		cur, _ := filepath.Glob(b.stage + "/*.cur")
		os.Truncate(cur[0], 5000)
	}
	cur := old
	switch now {
	case "grown":
		cur = old + text(100_000, "more")
	case "rotated":
		cur = text(300_000, "new")
		p.rename("/f", "/f.1")
	case "rotated away":
		cur = text(300_000, "new")
		p.remove("/f")
	case "copied":
		cur = text(300_000, "new")
		p.put("/f.1", []byte(old))
	case "spliced":
		cur = old[:100_000] + text(400_000, "new")[100_000:]
	case "truncated":
		cur = text(90_000, "new")
	case "shrunk":
		cur = old[:90_000]
	case "empty":
		cur = ""
	}
	if now != "same" {
		if now == "rotated" || now == "rotated away" {
			p.put("/f", []byte(cur))
		} else {
			p.rewrite("/f", []byte(cur))
		}
	}
	o := b.run(Fetcher{From: []netip.AddrPort{addrA}}, window.Spec{For: time.Minute})
	if o.Exit != 0 || o.files["f"] != cur {
		t.Errorf("exit %d, f: %d bytes, want %d", o.Exit, len(o.files["f"]), len(cur))
	}
	for name, data := range o.files {
		if strings.HasSuffix(name, ".part") && !strings.HasPrefix(old, data) {
			t.Errorf("%s is no prefix of the old generation", name)
		}
		if name == "f.part" && strings.HasPrefix(cur, data) && left != "sealed" {
			t.Errorf("%s is a prefix of f", name)
		}
	}
	continued := now == "same" || now == "grown"
	whole := left == "valid" || left == "complete" || left == "unverified"
	switch {
	case continued && whole && abilities == "sdr":
		if most := int64(len(cur) - len(held) + 2*maxOverlap); o.Received > most {
			t.Errorf("received %d bytes, want at most %d", o.Received, most)
		}
	case (now == "rotated") && whole && abilities == "sdr":
		if o.files["f.part"] != old {
			t.Errorf("the old generation: got %d bytes, want all %d from its snapshot", len(o.files["f.part"]), len(old))
		}
	case (now == "rotated" || now == "copied") && whole && abilities != "plain":
		if o.files["f.part"] != old {
			t.Errorf("the old generation: got %d bytes, want all %d from PATH.1", len(o.files["f.part"]), len(old))
		}
	case !continued && whole:
		if len(o.files["f.part"]) < len(held) {
			t.Errorf("%d proven bytes of the old generation were lost", len(held)-len(o.files["f.part"]))
		}
	}
	if list := b.staged(); len(list) > 0 {
		t.Errorf("left on the stage: %q", list)
	}
	conns, requests := p.count()
	if requests > 25 || conns > 25 {
		t.Errorf("%d connections, %d requests", conns, requests)
	}
	if t.Failed() {
		t.Logf("files %s, requests %q\nreceipt %+v", keys(o.files), p.asked(), o.receipts["f"])
	}
}

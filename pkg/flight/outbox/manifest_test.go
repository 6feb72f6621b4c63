package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"
)

// A line of the manifest is JSON with the keys that say something, in order.
func TestListed(t *testing.T) {
	for _, c := range []struct {
		l    Listed
		href string
		want string
	}{
		{Listed{Name: "many/a", Type: "file", Size: 0, MTime: "2026-11-22T08:30:00.123456789Z", Mode: "0644", SHA256: "ab", Verified: VerifiedDigest}, "",
			`{"name":"many/a","size":0,"type":"file","mtime":"2026-11-22T08:30:00.123456789Z","mode":"0644","sha256":"ab","verified":"digest"}`},
		{Listed{Name: "many/\xff", Type: "file", Size: -1, Reason: "the server answered 403"}, "many/%FF",
			`{"name":"many/�","href":"many/%FF","type":"file","reason":"the server answered 403"}`},
		{Listed{Name: "many/l", Type: "symlink", Size: 3, Target: "a\nb"}, "", `{"name":"many/l","type":"symlink","target":"a\u000ab"}`},
	} {
		got := string(c.l.Append([]byte("before"), c.href))
		if got != "before"+c.want+"\n" || !json.Valid([]byte(got[len("before"):])) {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// What is published as a part has its end; what is continued has not.
func TestPublishPartEnded(t *testing.T) {
	c := desk(t)
	src, end := text(5000), []byte("end")
	for i := range 3 {
		s := mustOpen(t, c)
		tg := mustTarget(t, s, "log", "/src")
		var p *Part
		if i == 0 {
			p = mustNew(t, tg)
		} else {
			p = tg.Parts()[0]
		}
		if p.Proven() != int64(1000*i) {
			t.Fatalf("window %d: got %d bytes, want %d", i, p.Proven(), 1000*i)
		}
		feed(t, p, src[1000*i:1000*i+1000], 300)
		check(t, p.Append([]byte("not proven")))
		pub, err := p.PublishPart(context.Background(), 1, end...)
		check(t, err)
		want := append(bytes.Clone(src[:1000*i+1000]), end...)
		wantFile(t, c.Outbox+"/log.part", want)
		if d := newDigest(1 << 10); true {
			d.write(want)
			if w := d.published("log.part"); pub.SHA256 != w.SHA256 || pub.Size != w.Size || len(pub.Pieces) != len(w.Pieces) {
				t.Errorf("got %+v, want %+v", pub, w)
			}
		}
		check(t, s.Close())
		if i == 1 { // the outbox is emptied between windows, most times
			check(t, os.Remove(c.Outbox+"/log.part"))
		}
	}
}

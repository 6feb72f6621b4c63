package serve

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"strings"
	"testing"
)

// snapshotOf returns the Content-Location of path, and the bytes behind it.
func (p *peer) snapshotOf(t *testing.T, path string) (location, body string) {
	t.Helper()
	a := p.get(t, "GET", path)
	location = a.Header.Get("Content-Location")
	if a.StatusCode != 200 || !strings.HasPrefix(location, path+"?snapshot=") {
		t.Fatalf("got %q", a.raw)
	}
	return location, a.body
}

func TestSnapshot(t *testing.T) {
	long := strings.Repeat("a line of a log\n", 1000)
	head, zeros := strings.Repeat("time,level,text\n", 300), strings.Repeat("\x00", 9000)
	for name, c := range map[string]struct {
		first string
		then  func(t *testing.T, dir string)
		want  int // 200: the same bytes as before
	}{
		"nothing happened": {long, func(t *testing.T, dir string) {}, 200},
		"appended":         {long, func(t *testing.T, dir string) { appendTo(t, dir+"/log", "more") }, 200},
		"short, appended":  {"x", func(t *testing.T, dir string) { appendTo(t, dir+"/log", long) }, 200},
		"empty, appended":  {"", func(t *testing.T, dir string) { appendTo(t, dir+"/log", long) }, 200},
		"rotated":          {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1") }, 200},
		"rotated, new one": {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1"); appendTo(t, dir+"/log", long) }, 200},
		"rotated twice": {long, func(t *testing.T, dir string) {
			rename(t, dir, "log", "log.1")
			appendTo(t, dir+"/log", "second")
			rename(t, dir, "log.1", "log.2")
			rename(t, dir, "log", "log.1")
		}, 200},
		"rotated, FIFO in its place": {long, func(t *testing.T, dir string) { rename(t, dir, "log", "log.1"); mkfifo(t, dir+"/log") }, 200},
		"unlinked":                   {long, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/log")) }, 410},
		"shrunk":                     {long, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/log", 5000)) }, 410},
		"shrunk to nothing":          {long, func(t *testing.T, dir string) { must(t, os.Truncate(dir+"/log", 0)) }, 410},
		"copytruncate": {long, func(t *testing.T, dir string) {
			must(t, os.Truncate(dir+"/log", 0))
			appendTo(t, dir+"/log", strings.ToUpper(long)+long)
		}, 410},
		"copytruncate, same head": {head + long, func(t *testing.T, dir string) {
			must(t, os.Truncate(dir+"/log", 0))
			appendTo(t, dir+"/log", head+strings.ToUpper(long)+long)
		}, 410},
		"copytruncate, a writer that does not append": {zeros + long, func(t *testing.T, dir string) {
			must(t, os.Truncate(dir+"/log", 0))
			overwrite(t, dir+"/log", int64(len(zeros+long)), strings.ToUpper(long))
		}, 410},
		"rewritten at its end": {long, func(t *testing.T, dir string) { overwrite(t, dir+"/log", int64(len(long))-1, "B") }, 410},
		"rewritten, short":     {"x\n", func(t *testing.T, dir string) { overwrite(t, dir+"/log", 0, "y") }, 410},
		"rewritten at 4096":    {long[:5000], func(t *testing.T, dir string) { overwrite(t, dir+"/log", 4096, "B") }, 410},
		"rewritten in place":   {long, func(t *testing.T, dir string) { overwrite(t, dir+"/log", 100, "B") }, 410},
		"moved away":           {long, func(t *testing.T, dir string) { must(t, os.Rename(dir+"/log", t.TempDir()+"/log")) }, 410},
		"became a directory":   {long, func(t *testing.T, dir string) { must(t, os.Remove(dir+"/log")); must(t, os.Mkdir(dir+"/log", 0o755)) }, 410},
		"replaced": {long, func(t *testing.T, dir string) {
			appendTo(t, dir+"/new", long)
			rename(t, dir, "new", "log")
		}, 410},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.WriteFile(dir+"/log", []byte(c.first), 0o644))
			p := start(t, Server{Root: dir})
			location, body := p.snapshotOf(t, "/log")
			c.then(t, dir)
			a := p.get(t, "GET", location)
			if a.StatusCode != c.want {
				t.Fatalf("got %d, want %d\n%s", a.StatusCode, c.want, a.raw)
			}
			if c.want != 200 {
				return
			}
			if a.body != body {
				t.Errorf("got %d bytes, want the %d from before", len(a.body), len(body))
			}
			if a.Header.Get("Content-Location") != location {
				t.Errorf("a snapshot of a snapshot is itself; got %q", a.raw)
			}
			etag := a.Header.Get("ETag")
			if b := p.get(t, "GET", location, "If-None-Match: "+etag); b.StatusCode != 304 {
				t.Errorf("ETag: got %q", b.raw)
			}
			if len(body) < 10 {
				return
			}
			b := p.get(t, "GET", location, "Range: bytes=3-7", "If-Range: "+etag)
			if b.StatusCode != 206 || b.body != body[3:8] {
				t.Errorf("range: got %q %q", b.raw, b.body)
			}
			want := sha256.Sum256([]byte(body))
			b = p.get(t, "HEAD", location, "Want-Repr-Digest: sha-256=1")
			if got := b.Header.Get("Repr-Digest"); got != "sha-256=:"+base64.StdEncoding.EncodeToString(want[:])+":" {
				t.Errorf("Repr-Digest: got %q", got)
			}
		})
	}
}

// A log may be reached through a link, and be rotated where it really is.
func TestSnapshotBehindLink(t *testing.T) {
	for _, to := range []string{"real/log", "../d/real/log", "ABS"} {
		dir := t.TempDir()
		must(t, os.MkdirAll(dir+"/d/real", 0o755))
		must(t, os.WriteFile(dir+"/d/real/log", []byte("old"), 0o644))
		if to == "ABS" {
			to = dir + "/d/real/log"
		}
		must(t, os.Symlink(to, dir+"/d/log"))
		p := start(t, Server{Root: dir})
		location, _ := p.snapshotOf(t, "/d/log")
		rename(t, dir+"/d/real", "log", "log.1")
		if a := p.get(t, "GET", location); a.StatusCode != 200 || a.body != "old" {
			t.Errorf("%s: got %q", to, a.raw)
		}
	}
}

func TestSnapshotToken(t *testing.T) {
	for token, ok := range map[string]bool{
		"1-2-3": true, "ffffffffffffffff-7fffffffffffffff-ffffffff": true, "0-0-0": true,
		"": false, "1-2": false, "1-2-3-4": false, "1--3": false, "-1-2-3": false, "01-2-3": false, "1-2-03": false,
		"A-2-3": false, "1-8000000000000000-3": false, "1-2-100000000": false, "10000000000000000-2-3": false, "1-2-3 ": false, "+1-2-3": false,
	} {
		if s, got := parseSnapshot(token); got != ok || ok && s.token() != token {
			t.Errorf("%q: got %v %v", token, s, got)
		}
	}
}

package serve

import (
	"bufio"
	"flag"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the transcripts of docs/wire.md anew")

// The transcripts of docs/wire.md are real: the lines with > are sent, and the
// lines with < come back, but for dates, inode numbers and the boundary. A
// block that begins with $ does that to the files first.
func TestWireTranscripts(t *testing.T) {
	const path = "../../../docs/wire.md"
	doc, err := os.ReadFile(path)
	must(t, err)
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/var/log", 0o755))
	const log = "one line\nanother line\n"
	must(t, os.WriteFile(dir+"/var/log/syslog", []byte(log), 0o644))
	must(t, os.WriteFile(dir+"/var/log/bad\xff name", nil, 0o640))
	must(t, os.Symlink("syslog", dir+"/var/log/messages"))
	mkfifo(t, dir+"/var/log/fifo")
	old := time.Date(2026, 11, 22, 8, 30, 0, 123456789, time.UTC)
	for _, name := range []string{"syslog", "bad\xff name"} {
		must(t, os.Chtimes(dir+"/var/log/"+name, old, old))
	}
	p := start(t, Server{Root: dir, Name: "sdr-serve"})
	location := ""
	blocks := 0
	out := regexp.MustCompile("(?s)```http\n(.*?)```").ReplaceAllStringFunc(string(doc), func(block string) string {
		blocks++
		body := strings.TrimSuffix(strings.TrimPrefix(block, "```http\n"), "```")
		var b strings.Builder
		send, want := "", ""
		for _, line := range strings.SplitAfter(body, "\n") {
			switch {
			case strings.HasPrefix(line, "$ mv "):
				rename(t, dir+"/var/log", "syslog", "syslog.1")
				must(t, os.WriteFile(dir+"/var/log/syslog", []byte("new\n"), 0o644))
				b.WriteString(line)
			case strings.HasPrefix(line, "$ rm "):
				must(t, os.Remove(dir+"/var/log/syslog.1"))
				b.WriteString(line)
			case strings.HasPrefix(line, ">"):
				if location != "" { // what an earlier answer gave is used by a later request
					line = regexp.MustCompile(`/var/log/syslog\?snapshot=\S+`).ReplaceAllString(line, location)
				}
				send += strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(line, ">"), "\n"), " ") + "\r\n"
				b.WriteString(line)
			default:
				want += line
			}
		}
		nc := p.dial(t)
		defer nc.Close()
		io.WriteString(nc, send)
		method, _, _ := strings.Cut(send, " ")
		a, err := readAnswer(bufio.NewReaderSize(nc, 64<<10), method)
		must(t, err)
		if location == "" {
			location = a.Header.Get("Content-Location")
		}
		got := ""
		for _, line := range strings.SplitAfter(a.raw+a.body, "\n") {
			if line = strings.ReplaceAll(line, "\r", ""); line != "" {
				got += strings.TrimRight("< "+strings.TrimSuffix(line, "\n"), " ") + "\n"
			}
		}
		if general(got) != general(want) && !*update {
			t.Errorf("%s\ngot:\n%s\nwant:\n%s", send, got, want)
		}
		b.WriteString(got)
		return "```http\n" + b.String() + "```"
	})
	if blocks < 7 {
		t.Errorf("%d transcripts", blocks)
	}
	if *update {
		must(t, os.WriteFile(path, []byte(out), 0o644))
	}
}

var particular = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?m)^< Date: .*`), "< Date"},
	{regexp.MustCompile(`(?m)^< ETag: .*`), "< ETag"},
	{regexp.MustCompile(`(\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)`), "DATE"},
	{regexp.MustCompile(`"inode":\d+`), "INODE"},
	{regexp.MustCompile(`"mtime":"[^"]*"`), "MTIME"},
	{regexp.MustCompile(`[0-9a-f]+-([0-9a-f]+-[0-9a-f]+)`), "INODE-$1"},
	{regexp.MustCompile(`part-\w+-\w+`), "BOUNDARY"},
	{regexp.MustCompile(`Content-Length: \d{3,}`), "LENGTH"},
}

// general is s without what differs from run to run.
func general(s string) string {
	for _, p := range particular {
		s = p.re.ReplaceAllString(s, p.with)
	}
	return s
}

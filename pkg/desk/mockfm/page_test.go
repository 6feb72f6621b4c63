package mockfm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/proof/browser"
)

// The page on a desk and on a telephone, by day and by night: nothing reaches
// beyond the screen, nothing is asked for elsewhere, nothing is complained of.
func TestPageFits(t *testing.T) {
	b := browser.Open(t)
	m := week(t)
	narrow := browser.Screen{Width: 1152, Height: 900} // two columns have just room
	for _, screen := range append(browser.Screens[:len(browser.Screens):len(browser.Screens)], narrow) {
		for name, path := range map[string]string{"mockfm": "/", "mockfm-files": "/files/"} {
			p := b.Visit(m.URL()+path, screen)
			p.Wait("document.readyState == 'complete'")
			if wide := p.Overflow(); wide != "" {
				t.Errorf("%s %v: %s", name, screen, wide)
			}
			if pairs := p.Clashes(".ticks span"); pairs != nil {
				t.Errorf("%s %v: in each other's way: %q", name, screen, pairs)
			}
			p.Keep(name + "-" + screen.String())
			for _, r := range p.Requests() {
				if !strings.HasPrefix(r, m.URL()) {
					t.Errorf("%s asks for %s", name, r)
				}
			}
			if all := p.Trouble(); all != nil {
				t.Errorf("%s %v: %q", name, screen, all)
			}
			p.Close()
		}
	}
}

// What is drawn is what the API says: each window lies where its start and
// duration put it on its axis, its command is shown word by word, and each
// upload has its status.
func TestPageDrawsTheJSON(t *testing.T) {
	b := browser.Open(t)
	m := week(t)
	var api struct {
		Data []struct {
			ID, Type, State string
			Start, Duration int64
		}
	}
	_, body := get(t, m, "/tasking/windows?satellite_id=FM1")
	if err := json.Unmarshal(body, &api); err != nil || len(api.Data) != 5 {
		t.Fatalf("%s: %v", body, err)
	}
	for _, screen := range []browser.Screen{browser.Screens[0], browser.Screens[2]} {
		p := b.Visit(m.URL()+"/", screen)
		var drawn []struct {
			ID                     string
			Start, End             int64
			From, To               float64 // of the axis, ms
			Left, Right, Whole, At float64 // px
		}
		p.Ask(`[...document.querySelectorAll(".window")].map(e => {
			const r = e.getBoundingClientRect(), lane = e.parentElement.getBoundingClientRect(), axis = e.closest(".plot").dataset
			return {ID: e.dataset.window, Start: +e.dataset.start, End: +e.dataset.end, From: +axis.from, To: +axis.to,
				Left: r.left - lane.left, Right: r.right - lane.left, Whole: lane.width}
		})`, &drawn)
		if len(drawn) != len(api.Data) {
			t.Fatalf("%d windows are drawn, want %d", len(drawn), len(api.Data))
		}
		for _, w := range api.Data {
			found := false
			for _, d := range drawn {
				if d.ID != w.ID {
					continue
				}
				found = true
				px := func(unix int64) float64 { return d.Whole * (float64(unix)*1000 - d.From) / (d.To - d.From) }
				if d.Start != w.Start || d.End != w.Start+w.Duration || math.Abs(d.Left-px(d.Start)) > 1 || math.Abs(d.Right-px(d.End)) > 1 {
					t.Errorf("%v: window %s is drawn from %.1f to %.1f px, want %.1f to %.1f: %+v", screen, w.ID, d.Left, d.Right, px(w.Start), px(w.Start+w.Duration), w)
				}
			}
			if !found {
				t.Errorf("window %s is not drawn", w.ID)
			}
		}
		var overlaps, uploads, argv []string
		p.Ask(`[...document.querySelectorAll(".overlapped")].map(e => e.dataset.to - e.dataset.from + ": " + e.textContent)`, &overlaps)
		if want := []string{"30: SDR and SABERTOOTH overlap for 30 s, 13:00:30 to 13:01:00 UTC", "30: SDR and SABERTOOTH overlap for 30 s, 17:29:08 to 17:29:38 UTC"}; !slices.Equal(overlaps, want) {
			t.Errorf("got overlaps %q, want %q", overlaps, want)
		}
		p.Ask(`[...document.querySelectorAll(".upload")].map(e => {
			const bar = e.querySelector(".bar"), all = bar.getBoundingClientRect().width, n = e.querySelector("[data-sent]").dataset
			const off = Math.abs(bar.firstElementChild.getBoundingClientRect().width - all * n.sent / n.size)
			return e.querySelector(".state").textContent + " " + n.sent + "/" + n.size + (off > 1 ? " drawn wrong by px " + off : "")
		})`, &uploads)
		if want := []string{"UPLOADED 433641/433641", "UPLOADED 475052/475052", "UPLOADING 62500/433000", "PENDING 0/475000"}; !slices.Equal(uploads, want) {
			t.Errorf("got uploads %q, want %q", uploads, want)
		}
		// A word of a command that fits into a line is in one line.
		p.Ask(`[...document.querySelectorAll(".command code, .w")].filter(e => e.getClientRects().length != 1 ||
			e.getBoundingClientRect().height > 30 && e.textContent.length < 40).map(e => e.textContent)`, &argv)
		if len(argv) > 0 {
			t.Errorf("%v: broken in the middle: %q", screen, argv)
		}
		p.Close()
	}
}

// The page follows what happens without being loaded again, and shows the time
// that mockfm has.
func TestPageFollows(t *testing.T) {
	b := browser.Open(t)
	m := desk(t, Config{UplinkRate: 400, ContactEvery: 6 * time.Hour}) // 100 bytes a contact
	p := b.Visit(m.URL()+"/", browser.Screens[0])
	p.Ask("void (window.same = true)", nil)
	sendUpload(t, m, "SDR", "/persist/bin/sdr-serve", strings.Repeat("x", 250))
	p.Wait(`document.querySelector("[data-sent='0'][data-size='250']")`)
	id := run(t, m, "SDR", m.Now().Add(40*time.Hour), 30, "/persist/bin/sdr-serve", "--for", "30s")
	p.Wait(`document.querySelector(".window.waiting[data-window='` + id + `']")`)
	m.Skip(6 * time.Hour)
	p.Wait(`document.querySelector("[data-sent='100'][data-size='250']") && document.querySelector(".card .SYNCED")`)
	p.Wait(`[...document.querySelectorAll("#log li")].filter(e => e.textContent.includes("window ` + id + ` synced")).length == 1`)
	p.Wait(fmt.Sprintf(`Math.abs(%d - Date.parse(document.getElementById("clock").textContent + " UTC")) < 5000`, m.Now().UnixMilli()))
	call(t, m, "DELETE", "/tasking/window?id="+id, "", nil)
	p.Wait(`!document.querySelector(".window")`)
	var same bool
	if p.Ask("window.same", &same); !same {
		t.Error("the page was loaded again")
	}
	if all := p.Trouble(); all != nil {
		t.Errorf("%q", all)
	}
}

// A stream that broke goes on with the event after the last one it had; each
// part comes once and then only when it has changed.
func TestEvents(t *testing.T) {
	m := desk(t, Config{})
	read := func(after string, times int) string { // the time came so often

		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", m.URL()+"/events", nil)
		req.Header.Set("Last-Event-ID", after)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("got type %q", got)
		}
		var all strings.Builder
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			fmt.Fprintln(&all, lines.Text())
			if lines.Text() == "event: time" {
				if times--; times < 0 {
					return all.String()
				}
			}
		}
		t.Fatalf("the stream ended: %s", all.String())
		return ""
	}
	m.note("one\nand \"more\" <b>")
	m.note("two")
	m.note("three")
	_, before, _ := m.feed.since(0)
	first := read("", 0)
	for _, want := range []string{"\nevent: log\ndata: \"\\u003cli", `one\nand \u0026#34;more\u0026#34; \u0026lt;b\u0026gt;`, "two", "three", fmt.Sprintf("id: %d\n", before), `"id":"satellite-0"`, `"id":"files"`} {
		if !strings.Contains("\n"+first, want) {
			t.Errorf("the stream lacks %q:\n%s", want, first)
		}
	}
	again := read(fmt.Sprint(before-1), 0)
	if strings.Contains(again, "two") || strings.Count(again, "event: log") != 1 || !strings.Contains(again, "three") {
		t.Errorf("after %d: got %s", before-1, again)
	}
	for _, odd := range []string{"-5", "x", "99999999999", "99999999999999999999"} {
		if got := read(odd, 0); strings.Count(got, "event: log") > int(before) {
			t.Errorf("after %s: got %s", odd, got)
		}
	}
	// Seconds pass, and nothing changes but the time.
	long := read("", 2)
	for _, id := range []string{"satellite-0", "faults", "files"} {
		if n := strings.Count(long, `"id":"`+id+`"`); n != 1 {
			t.Errorf("%s came %d times, want once: %s", id, n, long)
		}
	}
}

// What came down is shown as it is, and never as a page: a payload's program
// chose its name and bytes.
func TestFilesAreNoPages(t *testing.T) {
	m := week(t)
	links := regexp.MustCompile(`href="(/files/[^"]+)"`)
	for _, page := range []string{"/", "/files/"} {
		resp, err := http.Get(m.URL() + page)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s has policy %q", page, policy)
		}
		if strings.Contains(string(body), "_<b>") {
			t.Errorf("%s has a name as markup", page)
		}
		n := 0
		for _, link := range links.FindAllStringSubmatch(string(body), -1) {
			if link[1] == "/files/" {
				continue
			}
			n++
			resp, err := http.Get(m.URL() + html.UnescapeString(link[1]))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			h := resp.Header
			if resp.StatusCode != 200 || !strings.HasPrefix(string(got), "<script>alert(1)</script> ") ||
				h.Get("Content-Type") != "text/plain; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox;") {
				t.Errorf("%s: got %d %v %q", link[1], resp.StatusCode, h, got)
			}
		}
		if n != 5 {
			t.Errorf("%s links to %d files, want 5", page, n)
		}
	}
	for _, key := range []string{"nothing", "a", "a/directory/", "../env", "%2e%2e/env", "..%2f.mockfm", "/etc/passwd"} {
		if status, _ := get(t, m, "/files/"+key); status == 200 {
			t.Errorf("/files/%s is there", key)
		}
	}
}

// Before anything came down both pages say so.
func TestNoFilesYet(t *testing.T) {
	m := desk(t, Config{})
	for _, page := range []string{"/", "/files/"} {
		if _, body := get(t, m, page); !strings.Contains(string(body), "Nothing yet. What is in an outbox ") {
			t.Errorf("%s has no word of it:\n%s", page, body)
		}
	}
}

// After a long life the page is as long as before: it counts what it does not
// show.
func TestPageOfMany(t *testing.T) {
	m := week(t)
	measure := func() (string, int) {
		t.Helper()
		_, body := get(t, m, "/")
		return string(body), strings.Count(string(body), "<")
	}
	_, few := measure()
	const dir = "a/directory/FM1/downlink/2026/12/01/"
	if err := m.files.put(dir, nil); err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	for i := range 10_000 {
		if err := m.files.put(fmt.Sprintf(dir+"20261201T000000Z_many%05d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2000 {
		w := *m.windows[0]
		w.id, w.start, w.end = fmt.Sprint("old", i), w.start.Add(time.Duration(-i-1)*time.Hour), w.end.Add(time.Duration(-i-1)*time.Hour)
		u := *m.uploads[0]
		m.windows, m.uploads = append(m.windows, &w), append(m.uploads, &u)
	}
	m.mu.Unlock()
	for i := range 3000 {
		m.note("event %d", i)
	}
	page, many := measure()
	if many > 3*few || len(page) > 300_000 {
		t.Errorf("%d elements in %d bytes, want about as many as the %d of a week", many, len(page), few)
	}
	for _, want := range []string{"all 10,005 files", "and 1996 uploads", "and 1998 earlier passes", "event 2999"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, all := get(t, m, "/files/")
	if n, marks := strings.Count(string(all), "<li>"), strings.Count(string(all), "<"); n < 10_005 || marks > 4*n || len(all) > 300*n {
		t.Errorf("/files/ has %d rows in %d bytes with %d tags", n, len(all), marks)
	}
}

// A script among a command's words is told by its size, on the page and in what
// happened.
func TestShown(t *testing.T) {
	got := shown([]string{"/bin/sh", "-c", "a\nb\n", "survey-SDR.txt", "10.2.1.8 10.2.1.12"})
	want := []string{"/bin/sh", "-c", "script of 4 bytes", "survey-SDR.txt", "10.2.1.8 10.2.1.12"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestShownKey(t *testing.T) {
	key := strings.Repeat("5a", 32)
	got := strings.Join(shown([]string{"/persist/bin/sdr-serve", "--key", key, "--until", "1", "exec x --key=" + key}), " ")
	if strings.Contains(got, key) || !strings.Contains(got, "--until 1") {
		t.Errorf("got %q", got)
	}
}

// What happens now stands first, below it what is to come, the next first, and
// then what is over, the last first.
func TestOrderOfPasses(t *testing.T) {
	m := week(t)
	m.mu.Lock()
	add := func(id string, after time.Duration, phase string) {
		w := *m.windows[0]
		w.id, w.phase = id, phase
		w.start, w.end = w.start.Add(after), w.end.Add(after)
		m.windows = append(m.windows, &w)
	}
	add("later", 300*time.Hour, waiting)
	add("now", 10*time.Hour, running)
	add("begun", 20*time.Hour, over)
	add("half", 20*time.Hour+time.Minute, waiting)
	m.mu.Unlock()
	v, err := m.look()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range v.Satellites[0].Passes {
		got = append(got, p.ID)
	}
	if want := []string{"now", "begun", "3020556", "later", "3020555", "3020553"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

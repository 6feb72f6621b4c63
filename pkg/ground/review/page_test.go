package review

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/proof/browser"
)

// The page on a desk and on a telephone, by day and by night: nothing reaches
// beyond the screen, no label is in another's way, and nothing but the file
// itself is asked for.
func TestPageFits(t *testing.T) {
	b := browser.Open(t)
	_, _, file := writePage(t, weekOfPasses())
	for _, screen := range browser.Screens {
		p := b.Visit("file://"+file, screen)
		p.Keep("review-" + screen.String())
		for _, folded := range []bool{true, false} {
			if wide := p.Overflow(); wide != "" {
				t.Errorf("%v, folded %v: %s", screen, folded, wide)
			}
			if pairs := p.Clashes(".ticks span, .runs th, .account div"); pairs != nil {
				t.Errorf("%v, folded %v: in each other's way: %q", screen, folded, pairs)
			}
			p.Ask(`document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
		}
		if all := p.Requests(); len(all) != 1 {
			t.Errorf("asks for %q, want the page alone", all)
		}
		if all := p.Trouble(); all != nil {
			t.Errorf("%v: %q", screen, all)
		}
		p.Close()
	}
}

// What is drawn and written is what --json says.
func TestPageDrawsTheJSON(t *testing.T) {
	b := browser.Open(t)
	rep, _, file := writePage(t, weekOfPasses())
	data, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Verdict string
		Objects []struct{ Key string }
		Runs    []struct {
			Run, Satellite, Verdict string
			CompletedBy             string `json:"completed_by"`
			NoReceipt               bool   `json:"no_receipt"`
			Files                   []struct {
				Name, Verdict, Key string
				ReceiptKey         string `json:"receipt_key"`
				Receipt            *struct {
					SHA256   *string
					Size     int64
					Attempts int64
					Received int64 `json:"bytes_received"`
				}
			}
			Logs []struct {
				Program     string
				First, Last time.Time
			}
		}
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	p := b.Visit("file://"+file, browser.Screens[0])
	var verdict string
	if p.Ask(`document.getElementById("verdict").textContent`, &verdict); verdict != said.Verdict {
		t.Errorf("got verdict %s, want %s", verdict, said.Verdict)
	}
	var links []string
	p.Ask(`[...document.querySelectorAll(".listing a")].map(a => decodeURIComponent(new URL(a.href).pathname).replace("/bucket/", ""))`, &links)
	var keys []string
	for _, o := range said.Objects {
		if !strings.HasSuffix(o.Key, "/") {
			keys = append(keys, o.Key)
		}
	}
	if !slices.Equal(links, keys) {
		t.Errorf("got links to %q, want %q", links, keys)
	}
	type row struct {
		Run, Satellite, Verdict          string
		Bytes, Attempts, Delivered       int64
		Sent, Received, Published, Tried string // of its section
		Files, Verdicts, Sums, FileLinks []string
		Lives                            map[string][4]float64 // from, to in ms; left, right as shares of the axis
		Axis                             [2]float64
	}
	var rows []row
	p.Ask(`[...document.querySelectorAll("#runs tbody tr")].map(tr => {
		const cell = i => tr.cells[i].dataset.v, s = document.getElementById(tr.querySelector("a").hash.slice(1)), n = name => (s.querySelector("[data-" + name + "]") || {dataset: {}}).dataset[name] || ""
		const all = (q, f) => [...s.querySelectorAll(q)].map(f), plot = s.querySelector(".plot")
		return {Run: tr.dataset.run, Satellite: cell(1), Verdict: cell(4), Delivered: +cell(5), Bytes: +cell(6), Attempts: +cell(7),
			Sent: n("sent"), Received: n("received"), Published: n("published"), Tried: n("attempts"),
			Files: all(".card b", e => e.textContent), Verdicts: all(".card .verdict", e => e.textContent), Sums: all(".sum", e => e.textContent),
			FileLinks: all(".card a", a => decodeURIComponent(new URL(a.href).pathname).replace("/bucket/", "")),
			Axis: plot ? [+plot.dataset.from, +plot.dataset.to] : [0, 0],
			Lives: Object.fromEntries(!plot ? [] : [...plot.querySelectorAll(".life")].map(e => {
				const lane = e.parentElement.getBoundingClientRect(), r = e.getBoundingClientRect()
				return [e.closest(".row").dataset.program, [+e.dataset.from, +e.dataset.to, (r.left - lane.left) / lane.width, (r.right - lane.left) / lane.width]]
			}))}
	})`, &rows)
	if len(rows) != len(said.Runs) || len(rows) != 7 {
		t.Fatalf("%d runs are drawn, want %d", len(rows), len(said.Runs))
	}
	for i, want := range said.Runs {
		got := rows[len(rows)-1-i] // newest first
		var sums, files, verdicts, fileLinks []string
		var size, attempts, received, delivered int64
		for _, f := range want.Files {
			files, verdicts = append(files, orElse(f.Name, "no receipt")), append(verdicts, f.Verdict)
			for _, key := range []string{f.Key, f.ReceiptKey} {
				if key != "" {
					fileLinks = append(fileLinks, key)
				}
			}
			if f.Verdict == "delivered" {
				delivered++
			}
			if r := f.Receipt; r != nil {
				size, attempts, received = size+r.Size, attempts+r.Attempts, received+r.Received
				if r.SHA256 != nil {
					sums = append(sums, *r.SHA256)
				}
			}
		}
		if got.Run != want.Run || got.Satellite != want.Satellite || got.Verdict != want.Verdict || got.Bytes != size || got.Attempts != attempts || got.Delivered != delivered {
			t.Errorf("row %+v, want %+v: %d bytes, %d attempts, %d delivered", got, want, size, attempts, delivered)
		}
		if !slices.Equal(got.Files, files) || !slices.Equal(got.Verdicts, verdicts) || !slices.Equal(got.Sums, sums) || !slices.Equal(got.FileLinks, fileLinks) {
			t.Errorf("%s: got files %q %q %q %q, want %q %q %q %q", want.Run, got.Files, got.Verdicts, got.Sums, got.FileLinks, files, verdicts, sums, fileLinks)
		}
		if want.Run == "" {
			continue
		}
		if want.NoReceipt {
			if got.Received+got.Published+got.Tried != "" {
				t.Errorf("%s: an account of what no receipt tells", want.Run)
			}
		} else if got.Received != fmt.Sprint(received) || got.Published != fmt.Sprint(size) || got.Tried != fmt.Sprint(attempts) {
			t.Errorf("%s: got %s received, %s published, %s attempts; want %d, %d, %d", want.Run, got.Received, got.Published, got.Tried, received, size, attempts)
		}
		for _, l := range want.Logs {
			life, ok := got.Lives[l.Program]
			if l.First.Year() == 1970 {
				if ok {
					t.Errorf("%s: %s is drawn by a clock that was not set", want.Run, l.Program)
				}
				continue
			}
			share := func(at time.Time) float64 {
				return (float64(at.UnixMilli()) - got.Axis[0]) / (got.Axis[1] - got.Axis[0])
			}
			if int64(life[0]) != l.First.UnixMilli() || int64(life[1]) != l.Last.UnixMilli() || math.Abs(life[2]-share(l.First)) > 0.004 || math.Abs(life[3]-share(l.Last)) > 0.006 {
				t.Errorf("%s: %s is drawn at %v, want %v to %v, %.4f to %.4f", want.Run, l.Program, life, l.First, l.Last, share(l.First), share(l.Last))
			}
		}
	}
	if rows[6].Sent != "150404" || rows[5].Sent != "2500000" {
		t.Errorf("got %s and %s bytes sent, want what the server's last line says", rows[6].Sent, rows[5].Sent)
	}
}

// The windows and their overlap are those of the run's name, the keys and the
// first word; not the programs' lives.
func TestPassHasWindows(t *testing.T) {
	fakeS3(t, weekOfPasses())
	rep := reviewAll(t, Choice{})
	at := func(start time.Time, s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	p := rep.Runs[0].pass()
	if len(p.Lanes) != 2 || p.Overlap == nil || p.Zoom == nil {
		t.Fatalf("got %+v", p)
	}
	for _, c := range []struct {
		what       string
		from, to   time.Time
		want, till float64
	}{
		{"server's window", p.Lanes[0].Window.At, p.Lanes[0].Window.Until, 0, 60},
		{"fetcher's window", p.Lanes[1].Window.At, p.Lanes[1].Window.Until, 30.2, 90},
		{"overlap", p.Overlap.At, p.Overlap.Until, 30.2, 60},
		{"server's life", p.Lanes[0].Life.At, p.Lanes[0].Life.Until, 0.6, 59.4},
		{"fetcher's life", p.Lanes[1].Life.At, p.Lanes[1].Life.Until, 30.2, 30.5},
	} {
		if !c.from.Equal(at(monday, c.want)) || !c.to.Equal(at(monday, c.till)) {
			t.Errorf("%s: got %v to %v, want %v to %v", c.what, c.from, c.to, at(monday, c.want), at(monday, c.till))
		}
	}
	// By a clock that was not set nothing is placed, and it is said.
	p = rep.Runs[5].pass()
	if rep.Runs[5].ID == "" {
		p = rep.Runs[4].pass()
	}
	if len(p.Lanes) != 1 || p.Overlap != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "sabertooth-fetch's words are from 1 Jan 1970") {
		t.Errorf("unset clock: got %+v", p)
	}
}

// The area under the drawn rate is the bytes that went over the line.
func TestRateIsTheBytes(t *testing.T) {
	fakeS3(t, weekOfPasses())
	rep := reviewAll(t, Choice{})
	point := regexp.MustCompile(`L(\d+) ([0-9.]+)H(\d+)`)
	for i, want := range []int64{150_404, 2_500_000, 100_000} {
		p := rep.Runs[i].pass()
		if p.Rate == nil || p.Rate.Bytes != want {
			t.Fatalf("run %d: got %+v, want %d bytes", i, p.Rate, want)
		}
		area, bins := 0.0, 0
		for _, m := range point.FindAllStringSubmatch(p.Rate.Path(), -1) {
			from, _ := strconv.ParseFloat(m[1], 64)
			y, _ := strconv.ParseFloat(m[2], 64)
			to, _ := strconv.ParseFloat(m[3], 64)
			area += (to - from) * (100 - y)
			bins++
		}
		got := area / 100 * p.Rate.Peak * p.Axis.Length().Seconds() / rateBins
		// Within the time that the requests took.
		at := func(s float64) int { return int(p.Axis.At(rep.Runs[i].Last.Add(time.Duration((s-90)*1e9))) * rateBins) }
		from, to := at([]float64{30.30, 30.6, 30.2}[i]), at([]float64{30.38, 44, 34}[i])
		if first := slices.IndexFunc(p.Rate.Bins, func(n float64) bool { return n > 0 }); first != from {
			t.Errorf("run %d: the rate begins in bin %d, want %d", i, first, from)
		}
		if slices.ContainsFunc(p.Rate.Bins[to+1:], func(n float64) bool { return n > 0 }) {
			t.Errorf("run %d: the rate goes on after bin %d", i, to)
		}
		if bins != rateBins || math.Abs(got-float64(want)) > float64(want)/100 {
			t.Errorf("run %d: %d bins with an area of %.0f bytes, want %d", i, bins, got, want)
		}
	}
}

// The table of the page says of each run what that of the terminal does, when it
// began, when the last of it came into the bucket, and what it lacks; and of a run
// that was cut off nothing that nobody knows.
func TestPageTellsWhatIsKnown(t *testing.T) {
	const late = "20261123T053229Z_"
	_, page, _ := writePage(t, map[string]string{
		dir + "20261122T043229Z_a":                         "hello\n",
		dir + late + "a.20261122T043100Z-FM1.receipt.json": receipt("20261122T043100Z-FM1", "a", "complete", "hello\n", set("clock", "untrusted"), set("bytes_received", 0), set("attempts", 0)),
		dir + late + "b.receipt.json":                      receipt("20261123T053100Z-FM1", "b", "failed", "", set("sha256", nil), set("reason", "nothing came; nobody answered")),
		dir + late + "c.receipt.json":                      receipt("20261123T053100Z-FM1", "c", "failed", "", set("sha256", nil), set("reason", "nothing came; nobody answered")),
	})
	row := func(run string) string {
		_, rest, _ := strings.Cut(page, `<tr data-run="`+run+`">`)
		row, _, _ := strings.Cut(rest, "</tr>")
		return regexp.MustCompile(`\s*<[^>]*>\s*`).ReplaceAllString(row, "|")
	}
	for run, want := range map[string][]string{
		"20261122T043100Z-FM1": {"|FM1|", "|2026-11-22 04:31:00|", "|2026-11-23 04:32:29|", "|partial|", "|1 of ?|", "|6|", "|-|", "|no receipt: the run was cut off, and "},
		"20261123T053100Z-FM1": {"|2026-11-23 04:32:29|", "|missing|", "|0 of 2|", "|0|", "|6|", "|2 files: nothing came: nobody answered|"},
	} {
		for _, cell := range want {
			if got := row(run); !strings.Contains(got, cell) {
				t.Errorf("%s: got %s, want %s in it", run, got, cell)
			}
		}
	}
	_, cut, _ := strings.Cut(page, `<summary><h2>run 20261122T043100Z-FM1`)
	cut, _, _ = strings.Cut(cut, "</details>")
	for _, bad := range []string{"received</dt>", "attempts</dt>", "bytes received"} {
		if strings.Contains(cut, bad) {
			t.Errorf("of a run that was cut off the page has %q", bad)
		}
	}
	if !strings.Contains(cut, `data-published="6"`) || !strings.Contains(cut, "nothing tells") {
		t.Error("what a run that was cut off published is not on the page")
	}
}

// Names and words that came down stay what they are.
func TestPageEscapes(t *testing.T) {
	log := `{"level":"warn","time":"2026-11-23T04:31:01.000Z","message":"refused <script>alert(1)</script>","attempt":1}` + "\nnot json\n"
	_, page, _ := writePage(t, map[string]string{
		dir + "20261123T043229Z_a":                    "hello\n",
		dir + "20261123T043229Z_a" + receiptSuffix:    receipt("<i>run", "a", "complete", "hello\n", set("reason", "<b>bold</b>"), set("server", "<i>"), set("source", "javascript:alert(1)")),
		dir + "20261123T043229Z_sabertooth-fetch.log": log,
		dir + "20261123T043229Z_<i>\"'":               "",
	})
	for _, bad := range []string{"<script>alert", "<i>run", "<b>bold", "(<i>)", "_<i>", `href="javascript`, "src="} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(page, "refused &lt;script&gt;") {
		t.Error("the log is not in the page")
	}
}

// Of a run with 3,000 attempts and a bucket of 10,000 files the page stays one
// that a browser opens at once.
func TestPageOfMany(t *testing.T) {
	keys := weekOfPasses()
	for i := range 10_000 {
		keys[fmt.Sprintf("%s20261123T050000Z_many%05d", dir, i)] = "x"
	}
	_, page, _ := writePage(t, keys)
	tags := strings.Count(page, "<")
	if tags > 60_000 || len(page) > 6_000_000 {
		t.Errorf("%d tags in %d bytes", tags, len(page))
	}
	if n := strings.Count(page, `class="mark`); n > 600 {
		t.Errorf("%d marks", n)
	}
	for _, want := range []string{"and 9801 files more", fmt.Sprintf("10,0%d objects", len(weekOfPasses())), "3,000 times", "many09999", "2,801 lines are not shown"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	t.Logf("%d tags in %d bytes", tags, len(page))
}

// The table of runs is sorted by the column whose head is pressed, and a link
// to a run unfolds it.
func TestPageSorts(t *testing.T) {
	b := browser.Open(t)
	_, _, file := writePage(t, weekOfPasses())
	p := b.Visit("file://"+file, browser.Screens[0])
	press := func(head int) (column []string) {
		t.Helper()
		p.Ask(fmt.Sprintf(`(document.querySelectorAll("#runs th button")[%d].click(), [...document.querySelectorAll("#runs tbody tr")].map(tr => tr.cells[%[1]d].dataset.v))`, head), &column)
		return column
	}
	for _, c := range []struct {
		head int
		want string
	}{{7, "3000 33 3 3 3 0 0"}, {7, "0 0 3 3 3 33 3000"}, {4, "partial partial partial missing delivered delivered delivered"}} {
		if got := strings.Join(press(c.head), " "); got != c.want {
			t.Errorf("column %d: got %s, want %s", c.head, got, c.want)
		}
	}
	var open bool
	p.Ask(`(document.querySelectorAll(".pass").forEach(d => d.open = false), document.querySelector("#runs tbody a").click())`, nil)
	p.Wait(`document.querySelectorAll(".pass[open]").length == 1`)
	if p.Ask(`document.querySelector(".pass[open]").id === location.hash.slice(1)`, &open); !open {
		t.Error("another run is unfolded than the link names")
	}
}

package review

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/timeline"
)

// How much of a large bucket the page shows at once.
const (
	openRuns   = 5   // newest ones that are unfolded, besides those that lack something
	drawnRuns  = 100 // newest ones with a picture
	shownItems = 200 // of one run
	chunk      = 100 // objects of the listing that a browser lays out together
	shownLines = 100 // of a log, from its beginning and from its end
)

// WriteHTML writes rep as one page that needs nothing besides itself. link is
// where an object may be opened, nil if nowhere; times of the listing are in
// loc, as aws shows them, all others in UTC.
func (rep *Report) WriteHTML(w io.Writer, place string, link func(key string) string, loc *time.Location) error {
	d := document{Report: rep, Place: place, Made: time.Now().In(loc).Format("2006-01-02 15:04:05 MST"), Linked: link != nil}
	came := map[string]time.Time{}
	for _, o := range rep.Objects {
		came[o.Key] = o.Modified
	}
	for i, r := range slices.Backward(rep.Runs) {
		n := len(rep.Runs) - 1 - i
		s := section{Run: r, Came: r.came(came), ID: fmt.Sprint("run-", i), Row: r.Row(), Account: r.account(), Open: n < openRuns || r.Verdict != Delivered && r.CompletedBy == "" && n < drawnRuns}
		s.Faults, s.MoreFault = r.faults()
		if n < drawnRuns && (r.ID != "" || r.NoReceipt) {
			s.Pass = r.pass()
		}
		s.Items = r.Items[:min(len(r.Items), shownItems)]
		s.More = len(r.Items) - len(s.Items)
		d.Runs = append(d.Runs, s)
	}
	t := template.Must(pageTemplate.Clone()).Funcs(template.FuncMap{
		"link": func(key string) string {
			if link == nil {
				return ""
			}
			return link(key)
		},
		"modified": func(t time.Time) string { return t.In(loc).Format("2006-01-02 15:04:05 MST") },
	})
	return t.Execute(w, d)
}

// A document is what the page shows.
type document struct {
	Report *Report
	Place  string
	Made   string
	Linked bool
	Runs   []section // newest first
}

// A section is one run.
type section struct {
	*Run
	Row       Row
	Came      time.Time // the last of it into the bucket; zero if that is not told
	ID        string    // on the page
	Account   account
	Pass      *pass
	Faults    []fault
	MoreFault int // kinds of faults that are not shown
	Open      bool
	Items     []Item
	More      int // items that are not shown
}

// came is when the last object of r came into the bucket, by when each did.
func (r *Run) came(when map[string]time.Time) (last time.Time) {
	see := func(key string) {
		if t := when[key]; t.After(last) {
			last = t
		}
	}
	for _, it := range r.Items {
		if !it.late { // else it came with a later run
			see(it.ReceiptKey)
		}
		if it.Receipt == nil || it.Receipt.Unchanged == nil { // whose file came with another run
			see(it.Key)
		}
	}
	for _, l := range r.Logs {
		see(l.Key)
	}
	return last
}

//go:embed page
var pageFiles embed.FS

func pageFile(name string) string {
	b, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// policy lets the page load nothing, and run no script but its own: what it
// shows came down from a payload.
var policy = func() string {
	sum := sha256.Sum256([]byte(pageFile("page.js")))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"css":    func() template.CSS { return template.CSS(timeline.Style + pageFile("page.css")) },
	"js":     func() template.JS { return template.JS(pageFile("page.js")) },
	"policy": func() string { return policy },
	"group":  plan.Grouped,
	"stamp":  func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05 UTC") },
	"day": func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.UTC().Format("2006-01-02 15:04:05")
	},
	"unix":    func(t time.Time) int64 { return max(0, t.Unix()) },
	"ms":      func(t time.Time) int64 { return t.UnixMilli() },
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04:05.000") },
	"size":    func(n int) int64 { return int64(n) },
	"seconds": func(from, to time.Time) string { return fmt.Sprintf("%.1f", to.Sub(from).Seconds()) },
	"columns": func() []string {
		return []string{"run", "satellite", "start (UTC)", "came down (UTC)", "verdict", "files", "bytes", "attempts", "why"}
	},
	"half":     func(label string) float64 { return 0.3 * float64(len(label)) }, // of its width, in em
	"speed":    speed,
	"stretch":  stretched,
	"text":     text,
	"bad":      func(l *Log) int { return countBad(l) },
	"chunks":   func(all []Object) [][]Object { return slices.Collect(slices.Chunk(all, chunk)) },
	"chunk":    func() int { return chunk },
	"folder":   func(o Object) bool { return strings.HasSuffix(o.Key, "/") },
	"link":     func(string) string { return "" },
	"modified": func(time.Time) string { return "" },
}).ParseFS(pageFiles, "page/*.html"))

func countBad(log *Log) (n int) {
	for _, l := range log.Lines {
		if l.bad() {
			n++
		}
	}
	return n
}

// text is a log for people, its middle left out if it is long.
func text(log *Log) string {
	var b strings.Builder
	lines := log.Lines
	write := func(lines []Line) {
		for _, l := range lines {
			b.WriteString(l.Text() + "\n")
		}
	}
	if left := len(lines) - 2*shownLines; left > 0 {
		write(lines[:shownLines])
		fmt.Fprintf(&b, "... %s lines are not shown here\n", plan.Grouped(int64(left)))
		lines = lines[len(lines)-shownLines:]
	}
	write(lines)
	return b.String()
}

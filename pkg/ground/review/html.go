package review

import (
	"bytes"
	"fmt"
	"html"
	"html/template"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
)

// WriteHTML writes rep as one page that needs nothing besides itself.
func (rep *Report) WriteHTML(w io.Writer, place string, loc *time.Location) error {
	return page.Execute(w, map[string]any{
		"Place": place, "Report": rep, "Loc": loc,
		"Made": time.Now().In(loc).Format("2006-01-02 15:04:05 MST"),
	})
}

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"grouped": plan.Grouped,
	"pass":    func(r *Run) template.HTML { return template.HTML(drawPass(r)) },
	"line":    func(o Object, loc *time.Location) string { return o.Line(loc) },
	"utc":     func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05.000 UTC") },
	"tail": func(l *Log) string {
		var b strings.Builder
		for _, x := range l.Lines[max(0, len(l.Lines)-40):] {
			b.WriteString(x.Text() + "\n")
		}
		return b.String()
	},
	"name": func(r *Run) string {
		if r.ID == "" {
			return "files without a receipt"
		}
		return "run " + r.ID
	},
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Review of {{.Place}}: {{.Report.Verdict}}</title>
<style>
body{font:15px/1.45 sans-serif;max-width:62em;margin:1.5em auto;padding:0 1em;color:#222}
h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}
.delivered{color:#1f7a3f}.partial{color:#a35c00}.missing,.unknown{color:#b3261e}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25em .8em .25em 0;vertical-align:top;border-bottom:1px solid #ddd}
pre{background:#f5f5f5;padding:.7em;overflow-x:auto;font-size:12.5px}
svg{width:100%;height:auto;background:#fff;border:1px solid #ddd;margin:.6em 0}
</style></head><body>
<h1>{{.Place}}: <span class="{{.Report.Verdict}}">{{.Report.Verdict}}</span></h1>
<p>Made {{.Made}} by <code>ground review</code>.</p>
{{range .Report.Runs}}
<h2>{{name .}}{{if .Satellite}} on {{.Satellite}}{{end}}: <span class="{{.Verdict}}">{{.Verdict}}</span>{{with .CompletedBy}}, and completed by run {{.}}{{end}}</h2>
{{pass .}}
<table><tr><th>file</th><th>verdict</th><th>why</th></tr>
{{range .Items}}<tr><td>{{.Name}}</td><td class="{{.Verdict}}">{{.Verdict}}</td><td>{{.Why}}{{range .Notes}}<br>{{.}}{{end}}
{{with .Receipt}}<br><small>from {{.Source}}{{if .Server}} ({{.Server}}){{end}}; {{utc .Started}} to {{utc .Finished}}; attempts {{grouped .Attempts}}, received {{grouped .BytesReceived}} bytes{{range $k, $v := .Errors}}, {{$k}} {{$v}}{{end}}</small>{{end}}
{{with .Key}}<br><small>{{.}}</small>{{end}}</td></tr>
{{end}}</table>
{{range .Logs}}<details><summary>log of {{.Program}}, {{len .Lines}} lines, last 40</summary><pre>{{tail .}}</pre></details>
{{end}}{{else}}
<p>No receipt came down. Without one nothing is known: the window may be still to come, or its files wait for the next contact.</p>
{{end}}
{{with .Report.Unread}}<h2>Cannot be read</h2><table><tr><th>key</th><th>why</th></tr>
{{range .}}<tr><td>{{.Key}}</td><td>{{.Why}}</td></tr>
{{end}}</table>{{end}}
<h2>Listing</h2>
{{with .Report.Cut}}<p class="missing">It is not whole: {{.}}. What is missing cannot be told.</p>{{end}}
<pre>{{$loc := .Loc}}{{range .Report.Objects}}{{line . $loc}}
{{end}}</pre>
</body></html>
`))

// byteFields are the names under which the fetcher's log tells how many bytes
// it holds; of a line without any of them only the moment is drawn.
var byteFields = []string{"held", "have", "proven", "received", "bytes_received", "offset", "bytes"}

// drawPass draws the time line of a run: when each program ran, each line of
// the fetcher's log, and the bytes over time. It has no times of windows, which
// the bucket does not know: a program's first and last word stand for them.
func drawPass(r *Run) string {
	var serve, fetch *Log
	for _, l := range r.Logs {
		if l.Program == "sdr-serve" {
			serve = l
		} else {
			fetch = l
		}
	}
	var first, last time.Time
	cover := func(a, b time.Time) {
		if a.IsZero() || b.IsZero() {
			return
		}
		if first.IsZero() || a.Before(first) {
			first = a
		}
		if b.After(last) {
			last = b
		}
	}
	for _, l := range r.Logs {
		cover(l.First, l.Last)
	}
	for _, it := range r.Items {
		if it.Receipt != nil {
			cover(it.Receipt.Started, it.Receipt.Finished)
		}
	}
	span := last.Sub(first)
	// Clocks that were not set make years of a minute: that draws nothing.
	if first.IsZero() || span <= 0 || span > 48*time.Hour {
		return ""
	}
	const left, width = 130, 800
	x := func(t time.Time) float64 {
		return left + width*max(0, min(1, float64(t.Sub(first))/float64(span)))
	}
	var b bytes.Buffer
	y := 12
	bar := func(label string, from, to time.Time, color, title string) {
		fmt.Fprintf(&b, `<text x="8" y="%d">%s</text><rect x="%.1f" y="%d" width="%.1f" height="18" fill="%s"><title>%s</title></rect>`+"\n",
			y+14, html.EscapeString(label), x(from), y, max(2, x(to)-x(from)), color, html.EscapeString(title))
	}
	between := func(a, b time.Time) string {
		return a.UTC().Format("15:04:05.000") + " to " + b.UTC().Format("15:04:05.000 UTC")
	}
	if serve != nil && !serve.First.IsZero() {
		bar("SDR, serving", serve.First, serve.Last, "#4a78c2", between(serve.First, serve.Last))
		y += 28
	}
	from, to := fetchSpan(r, fetch)
	if !from.IsZero() {
		bar("SABERTOOTH", from, to, "#3c9a5f", between(from, to))
		y += 28
	}
	if fetch != nil {
		fmt.Fprintf(&b, `<text x="8" y="%d">its log</text>`+"\n", y+14)
		for _, l := range fetch.Lines {
			if l.Time.IsZero() {
				continue
			}
			color := "#555"
			if l.Level == "warn" || l.Level == "error" {
				color = "#b3261e"
			}
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s" stroke-width="2"><title>%s</title></line>`+"\n",
				x(l.Time), x(l.Time), y, y+18, color, html.EscapeString(l.Text()))
		}
		y += 28
	}
	what, points := bytesOver(r, serve, fetch)
	y = drawBytes(&b, what, points, x, y)
	for i := range 6 {
		t := first.Add(span * time.Duration(i) / 5)
		anchor := [6]string{"start", "middle", "middle", "middle", "middle", "end"}[i]
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="%s" fill="#666">%s</text>`+"\n", x(t), y+14, anchor, t.UTC().Format("15:04:05"))
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n%s</svg>",
		left+width+20, y+24, b.String())
}

func fetchSpan(r *Run, fetch *Log) (from, to time.Time) {
	if fetch != nil && !fetch.First.IsZero() {
		return fetch.First, fetch.Last
	}
	for _, it := range r.Items {
		if it.Receipt == nil || it.Receipt.Started.IsZero() {
			continue
		}
		if from.IsZero() || it.Receipt.Started.Before(from) {
			from = it.Receipt.Started
		}
		if it.Receipt.Finished.After(to) {
			to = it.Receipt.Finished
		}
	}
	return from, to
}

type point struct {
	t time.Time
	n float64
}

// bytesOver tells how many bytes there were at what time: those that the server
// sent, for its log has a line for each request (two candidates may be its own
// two addresses, and each gets the first piece), else those that the fetcher's
// log tells of, else the straight line between a receipt's start and end.
func bytesOver(r *Run, serve, fetch *Log) (what string, points []point) {
	wanted := map[string]bool{}
	for _, it := range r.Items {
		if it.Receipt != nil {
			if u, err := url.Parse(it.Receipt.Source); err == nil {
				wanted[u.Path] = true
			}
		}
	}
	if serve != nil {
		what = "bytes sent"
		sum := 0.0
		for _, l := range serve.Lines {
			n, ok := l.Number("bytes")
			if path, _ := l.Fields["path"].(string); !ok || l.Time.IsZero() || !wanted[path] {
				continue
			}
			took, _ := l.Number("seconds")
			points = append(points, point{l.Time.Add(-time.Duration(took * float64(time.Second))), sum}, point{l.Time, sum + n})
			sum += n
		}
	}
	if len(points) == 0 {
		what = "bytes here"
	}
	if len(points) == 0 && fetch != nil {
		for _, l := range fetch.Lines {
			if n, ok := l.Number(byteFields...); ok && !l.Time.IsZero() {
				points = append(points, point{l.Time, n})
			}
		}
	}
	if len(points) < 2 {
		points = nil
		for _, it := range r.Items {
			if rc := it.Receipt; rc != nil && !rc.Started.IsZero() {
				points = append(points, point{rc.Started, 0}, point{rc.Finished, float64(rc.BytesReceived)})
			}
		}
	}
	slices.SortStableFunc(points, func(a, b point) int { return a.t.Compare(b.t) })
	return what, points
}

func drawBytes(b *bytes.Buffer, what string, points []point, x func(time.Time) float64, y int) int {
	most := 0.0
	for _, p := range points {
		most = max(most, p.n)
	}
	if len(points) < 2 || most == 0 {
		return y
	}
	const tall = 80
	var line strings.Builder
	for _, p := range points {
		fmt.Fprintf(&line, "%.1f,%.1f ", x(p.t), float64(y+tall)-tall*p.n/most)
	}
	fmt.Fprintf(b, `<text x="8" y="%d">%s</text><text x="8" y="%d" fill="#666">0 to %.0f</text><polyline points="%s" fill="none" stroke="#222" stroke-width="2"/>`+"\n",
		y+14, what, y+30, most, line.String())
	return y + tall + 10
}

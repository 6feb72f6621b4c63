package plan

import (
	"bytes"
	"fmt"
	"html"
	"strings"

	"payload-ipc/pkg/ground/timeline"
)

// SVG is the plan as a picture: the uplink in days above, the windows of the
// first pass in seconds below. It needs no font, script or file besides itself,
// is as wide as there is room, with text that stays as large as it is, and dark
// where its reader likes that.
func (p *Plan) SVG() []byte {
	d := &drawing{y: 28}
	pass := p.First()
	d.text(0, "start", "title", "Plan for "+p.Satellite)
	d.y += 20
	of := ""
	if n := len(p.Passes); n > 1 {
		of = " of the first pass"
		d.text(0, "start", "soft", fmt.Sprintf("%d passes, the first is run %s", n, pass.Run))
	} else {
		d.text(0, "start", "soft", "run "+pass.Run)
	}
	d.y += 14
	p.svgDays(d)
	d.y += 22
	svgPass(d, pass, of)
	return d.svg()
}

// svg is the whole picture.
func (d *drawing) svg() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" class="plan" width="960" height="%d" style="max-width:100%%" font-family="system-ui, sans-serif" font-size="12.5">
<style>%s</style>
<rect class="ground" width="100%%" height="100%%"/>
`, d.y+16, svgStyle)
	out.Write(d.b.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// svgStyle has each colour for day and for night. A narrow picture has half the
// labels.
const svgStyle = `
text { fill: #17212b } .title { font-size: 17px; font-weight: 600 } .head { font-size: 14px; font-weight: 600 } .soft { fill: #5b6875 }
.plan { background: #fff } .ground { fill: #fff } .lane { fill: #f1f4f7 } .tick { stroke: #c3ccd5 } .up { fill: #8fb3e8 } .buffer { fill: #c9d1d9 } .window { fill: #3c9a5f } .overlap { fill: #f0a93a; fill-opacity: .45 }
@media (prefers-color-scheme: dark) {
text { fill: #e4e9ee } .soft { fill: #98a5b3 } .plan { background: #12171d } .ground { fill: #12171d } .lane { fill: #1d252e } .tick { stroke: #46525f }
.up { fill: #3f6ea8 } .buffer { fill: #46525f } .window { fill: #3f9c64 } .overlap { fill-opacity: .5 }
}
@media (max-width: 40em) { .even { display: none } }
`

// svgDays draws from now to the last window.
func (p *Plan) svgDays(d *drawing) {
	a := timeline.Axis{From: p.Now}
	for _, pass := range p.Passes {
		a.Grow(pass.End())
	}
	d.y += 22
	head := "To the windows: " + Span(p.First().Windows[0].Start.Sub(p.Now))
	if n := len(p.Passes); n > 1 {
		head = fmt.Sprintf("To the end of %d passes: %s", n, Span(p.end().Sub(p.Now)))
	}
	d.text(0, "start", "head", head)
	d.y += 20
	d.text(0, "start", "soft", "from "+Stamp(p.Now))
	from := p.Now
	for _, u := range p.Uploads {
		if u.Days > 0 {
			d.lane(fmt.Sprintf("%s, %s bytes, by %s", u.Program, Grouped(u.Size), u.Expected.Format("Mon 2 Jan")))
			d.bar("up", a.At(from), a.At(u.Expected), fmt.Sprintf("to %s, %.1f days of uplink, expected by %s", u.Payload, u.Days, Date(u.Expected)))
			from = u.Expected
		}
	}
	label := "windows, " + Stamp(p.First().Windows[0].Start)
	if n := len(p.Passes); n > 1 {
		label = fmt.Sprintf("windows of %d passes, the first %s", n, Stamp(p.First().Windows[0].Start))
	}
	d.lane(label)
	for _, pass := range p.Passes {
		d.bar("window", a.At(pass.Windows[0].Start), a.At(pass.End()), Stamp(pass.Windows[0].Start))
	}
	d.ticks(a, a.Ticks(8))
}

// svgPass draws the windows with their buffers, in seconds after the first; of
// says whose they are.
func svgPass(d *drawing, pass Pass, of string) {
	w := pass.Windows
	a := timeline.Axis{From: pass.Opens(), To: pass.Closes()}
	d.y += 22
	d.text(0, "start", "head", fmt.Sprintf("The windows%s overlap for %d s", of, pass.Overlap))
	from, to := later(w[0].Start, w[1].Start), earlier(w[0].End(), w[1].End())
	for _, x := range w {
		d.lane(fmt.Sprintf("%s, %s to %s UTC, %d s", strings.TrimPrefix(x.Type, windowPrefix), x.Start.Format("15:04:05"), x.End().Format("15:04:05"), x.Seconds))
		d.bar("buffer", a.At(x.Opens()), a.At(x.Closes()), fmt.Sprintf("buffers: %d s before, %d s after", x.Before, x.After))
		d.bar("window", a.At(x.Start), a.At(x.End()), Command(x))
		if to.After(from) {
			d.bar("overlap", a.At(from), a.At(to), fmt.Sprintf("overlap: %d s", pass.Overlap))
		}
	}
	d.ticks(a, a.TicksSince(w[0].Start, 8))
	d.y += 22
	d.text(0, "start", "soft", "seconds after "+Stamp(w[0].Start))
	d.y += 18
	x := 0.0
	for _, key := range []string{"buffer", "window", "overlap"} {
		if key == "overlap" { // which is drawn over windows
			fmt.Fprintf(&d.b, `<rect class="window" x="%s" y="%d" width="11" height="11"/>`+"\n", percent(x), d.y-10)
		}
		fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%d" width="11" height="11"/>`+"\n", key, percent(x), d.y-10)
		fmt.Fprintf(&d.b, `<text class="soft" x="%s" dx="17" y="%d">%s</text>`+"\n", percent(x), d.y, key)
		x += 0.22
	}
}

// A drawing grows downwards. Across, places are shares of its width, so that it
// fits into any.
type drawing struct {
	b bytes.Buffer
	y int // baseline of the last line of text, or bottom of the last lane
}

// percent is where a share of the drawing's inside is: there is a margin.
func percent(share float64) string { return fmt.Sprintf("%.3f%%", 3+94*share) }

func (d *drawing) text(x float64, anchor, class, s string) {
	fmt.Fprintf(&d.b, `<text class="%s" x="%s" y="%d" text-anchor="%s">%s</text>`+"\n", class, percent(x), d.y, anchor, html.EscapeString(s))
}

const laneHeight = 18

// lane begins a row for bars, below its name.
func (d *drawing) lane(name string) {
	d.y += 22
	d.text(0, "start", "", name)
	d.y += 6 + laneHeight
	d.bar("lane", 0, 1, "")
}

// bar draws into the last lane, never so narrow that it is not seen.
func (d *drawing) bar(class string, from, to float64, title string) {
	width := max(0.004, to-from)
	fmt.Fprintf(&d.b, `<rect class="%s" x="%s" y="%d" width="%.3f%%" height="%d">`, class, percent(min(from, 1-width)), d.y-laneHeight, 94*width, laneHeight)
	if title != "" {
		fmt.Fprintf(&d.b, `<title>%s</title>`, html.EscapeString(title))
	}
	d.b.WriteString("</rect>\n")
}

// ticks draws an axis below the last lane.
func (d *drawing) ticks(a timeline.Axis, ticks []timeline.Tick) {
	d.y += 18
	for i, t := range a.Spread(ticks, 0.008) {
		x := a.At(t.At)
		fmt.Fprintf(&d.b, `<line class="tick" x1="%s" x2="%[1]s" y1="%d" y2="%d"/>`+"\n", percent(x), d.y-17, d.y-11)
		class, anchor := "soft", "middle"
		if i%2 == 1 {
			class = "soft even"
		}
		switch near := 0.009*float64(len(t.Label)) - 0.03; {
		case x < near:
			anchor = "start"
		case x > 1-near:
			anchor = "end"
		}
		if t.Label != "" {
			d.text(x, anchor, class, t.Label)
		}
	}
}

package plan

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"time"
)

// SVG is the plan as a picture: the uplink in days above, the windows in
// seconds below. It needs no font, script or file besides itself.
func (p *Plan) SVG() []byte {
	const left, width, row = 150, 800, 30
	var b bytes.Buffer
	height := 330 + row*len(p.Uploads)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", left+width+30, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	text := func(x, y int, size int, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" font-size="%d" text-anchor="%s">%s</text>`+"\n", x, y, size, anchor, html.EscapeString(s))
	}
	bar := func(x, y, w int, color, title string) {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="20" fill="%s"><title>%s</title></rect>`+"\n", x, y, max(2, w), color, html.EscapeString(title))
	}
	text(10, 26, 18, "start", "Plan for "+p.Satellite+", run "+p.First().Run)

	// Days.
	pass := p.First()
	a, f := pass.Windows[0], pass.Windows[1]
	last := pass.End()
	y := 60
	text(10, y, 14, "start", "From now to the windows: "+Span(a.Start.Sub(p.Now)))
	y += 14
	span := max(1, int64(last.Sub(p.Now)/time.Second))
	day := func(t time.Time) int {
		return left + int(min(width, max(0, width*int64(t.Sub(p.Now)/time.Second)/span)))
	}
	from := p.Now
	for _, u := range p.Uploads {
		if u.Days > 0 {
			text(10, y+15, 13, "start", u.Program)
			bar(day(from), y, day(u.Expected)-day(from), "#8fb3e8", fmt.Sprintf("%s bytes, %.1f days, by %s", Grouped(u.Size), u.Days, Date(u.Expected)))
			text(min(day(from)+6, left+width-230), y+15, 12, "start", fmt.Sprintf("%s bytes, by %s", Grouped(u.Size), u.Expected.Format("Mon 2 Jan")))
			from = u.Expected
			y += row
		}
	}
	text(10, y+15, 13, "start", "windows")
	bar(min(day(a.Start), left+width-3), y, day(last)-day(a.Start), "#3c9a5f", Stamp(a.Start))
	y += row + 8
	text(left, y, 12, "start", "now, "+p.Now.Format("2 Jan 15:04")+" UTC")
	text(left+width, y, 12, "end", Stamp(a.Start))

	// Seconds.
	y += 40
	text(10, y, 14, "start", fmt.Sprintf("The windows overlap for %d s", pass.Overlap))
	y += 14
	first, end := pass.Opens(), pass.Closes()
	whole := max(1, int64(end.Sub(first)/time.Second))
	sec := func(t time.Time) int { return left + int(width*int64(t.Sub(first)/time.Second)/whole) }
	top := y
	for _, w := range pass.Windows {
		text(10, y+15, 13, "start", strings.TrimPrefix(w.Type, windowPrefix))
		bar(sec(w.Opens()), y, sec(w.Closes())-sec(w.Opens()), "#d9d9d9", fmt.Sprintf("buffers: %d s before, %d s after", w.Before, w.After))
		bar(sec(w.Start), y, sec(w.End())-sec(w.Start), "#3c9a5f", Command(w))
		y += row
	}
	from, to := later(a.Start, f.Start), earlier(a.End(), f.End())
	fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#b8442f" stroke-width="2"/>`+"\n", sec(from), top-4, sec(to)-sec(from), y-top-2)
	free := -1000
	for _, t := range []time.Time{first, a.Start, f.Start, a.End(), f.End(), end} {
		if x := sec(t); x-free >= 34 {
			text(x, y+12, 12, "middle", fmt.Sprint(int64(t.Sub(a.Start)/time.Second)))
			free = x
		}
	}
	text(left, y+32, 12, "start", "seconds after "+Stamp(a.Start)+"; green: program runs, grey: buffer, red frame: overlap")
	b.WriteString("</svg>\n")
	return b.Bytes()
}

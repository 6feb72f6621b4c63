// Package chart draws the two kinds of picture that docs/evidence.md shows, as
// SVG that needs no fonts, scripts or colours of anybody else's.
package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bars are groups of horizontal bars, each group on a scale of its own.
type Bars struct {
	Title  string
	Groups []Group
}

// A Group is one measurement of several subjects.
type Group struct {
	Name string
	Unit string
	Bars []Bar
}

// A Bar is one subject. Low and High are the ends of its spread; Note stands in
// place of a value that there is none of.
type Bar struct {
	Label            string
	Value, Low, High float64
	Note             string
	Ours             bool
}

const (
	width   = 760
	left    = 215 // where bars begin
	right   = 130 // kept for the figures
	barStep = 19
	ink     = "#24292f"
	faint   = "#6e7781"
	ours    = "#0969da"
	peer    = "#9aa5b1"
)

// SVG draws b.
func (b Bars) SVG() []byte {
	height := 44
	for _, g := range b.Groups {
		height += 34 + len(g.Bars)*barStep
	}
	d := start(height, b.Title)
	y := 44
	for _, g := range b.Groups {
		d.text(16, y+14, "start", "600", ink, g.Name)
		d.text(width-16, y+14, "end", "400", faint, g.Unit)
		y += 22
		top := 0.0
		for _, bar := range g.Bars {
			top = max(top, bar.Value, bar.High)
		}
		scale := float64(width-left-right) / nonzero(top)
		for _, bar := range g.Bars {
			weight, fill := "400", peer
			if bar.Ours {
				weight, fill = "600", ours
			}
			d.text(left-8, y+13, "end", weight, ink, bar.Label)
			if bar.Note != "" {
				d.text(left+2, y+13, "start", "400", faint, bar.Note)
				y += barStep
				continue
			}
			w := max(bar.Value*scale, 1)
			d.rect(left, float64(y+3), w, 12, fill)
			end := w
			if bar.High > bar.Low {
				lo, hi := left+bar.Low*scale, left+bar.High*scale
				fmt.Fprintf(d, `<path d="M%.1f %d H%.1f M%.1f %d V%d M%.1f %d V%d" stroke="%s" stroke-width="1.2" fill="none"/>`+"\n",
					lo, y+9, hi, lo, y+5, y+13, hi, y+5, y+13, ink)
				end = max(w, hi-left)
			}
			d.text(left+int(end)+6, y+13, "start", weight, ink, Figure(bar.Value))
			y += barStep
		}
		y += 12
	}
	return d.end()
}

// Stacks are horizontal bars of parts that add up.
type Stacks struct {
	Title string
	Unit  string
	Parts []string // their names, in order
	Fills []string // colours, one for each
	Rows  []Stack
}

// A Stack is one bar; Values stand in the order of Parts.
type Stack struct {
	Label  string
	Values []float64
	Head   bool // a heading above it, and room
	Ours   bool
}

// SVG draws s.
func (s Stacks) SVG() []byte {
	height := 84
	for _, r := range s.Rows {
		if r.Head {
			height += 26
		}
		if !r.Head || len(r.Values) > 0 {
			height += barStep
		}
	}
	d := start(height, s.Title)
	x := 16
	for i, name := range s.Parts {
		d.rect(float64(x), 40, 11, 11, s.Fills[i])
		d.text(x+16, 50, "start", "400", ink, name)
		x += 34 + 7*len(name)
	}
	d.text(width-16, 50, "end", "400", faint, s.Unit)
	y := 62
	for _, r := range s.Rows {
		if r.Head {
			d.text(16, y+18, "start", "600", ink, r.Label)
			y += 26
			if len(r.Values) == 0 {
				continue
			}
		}
		total := 0.0
		for _, v := range r.Values {
			total += v
		}
		weight := "400"
		if r.Ours {
			weight = "600"
		}
		d.text(left-8, y+13, "end", weight, ink, r.Label)
		at := float64(left)
		for i, v := range r.Values {
			w := v / nonzero(total) * (width - left - 60)
			if v == 0 {
				continue
			}
			d.rect(at, float64(y+2), w, 14, s.Fills[i])
			if w > 22 {
				d.text(int(at+w/2), y+13, "middle", "400", "#ffffff", Figure(v))
			}
			at += w
		}
		d.text(width-52, y+13, "start", "400", faint, Figure(total))
		y += barStep
	}
	return d.end()
}

type drawing struct{ strings.Builder }

func start(height int, title string) *drawing {
	d := &drawing{}
	fmt.Fprintf(d, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(d, `<rect width="%d" height="%d" rx="6" fill="#ffffff" stroke="#d0d7de"/>`+"\n", width, height)
	fmt.Fprintf(d, `<text x="16" y="26" font-size="15" font-weight="600" fill="%s">%s</text>`+"\n", ink, escape(title))
	return d
}

func (d *drawing) text(x, y int, anchor, weight, fill, s string) {
	fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="%s" font-weight="%s" fill="%s">%s</text>`+"\n", x, y, anchor, weight, fill, escape(s))
}

func (d *drawing) rect(x, y, w, h float64, fill string) {
	fmt.Fprintf(d, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" fill="%s"/>`+"\n", x, y, w, h, fill)
}

func (d *drawing) end() []byte {
	d.WriteString("</svg>\n")
	return []byte(d.String())
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func nonzero(v float64) float64 {
	if v <= 0 || math.IsNaN(v) {
		return 1
	}
	return v
}

// Figure writes a number, not below 0, for a person: three significant digits
// from 1 on and two below it, all digits of what is whole or has more, with
// commas from 10,000 on.
func Figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 10000:
		s := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v == math.Trunc(v), a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

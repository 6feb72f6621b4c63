package timeline

import (
	_ "embed" // the style
	"strconv"
	"time"
)

// Style is what the pages that draw places have in common, as CSS: their
// colours by day and by night, rows of lanes, and what lies in a lane.
//
//go:embed style.css
var Style string

// A Place is a stretch or a mark of an axis, for a page to draw.
type Place struct {
	From, Width Percent
	Class       string
	Text        string
	At, Until   time.Time
}

// Percent is a share of an axis as CSS takes it, without the sign.
type Percent string

// Share makes a Percent of a number between 0 and 1.
func Share(f float64) Percent { return Percent(strconv.FormatFloat(100*f, 'f', 3, 64)) }

// Place is where the time between two moments lies.
func (a Axis) Place(from, to time.Time) Place {
	return Place{From: Share(a.At(from)), Width: Share(a.At(to) - a.At(from)), At: from, Until: to}
}

// Marks are at most eight ticks, with as many labels as have room in a plot of 400
// CSS pixels, the least beside another column.
func (a Axis) Marks() []Place {
	var out []Place
	for _, t := range a.Spread(a.Ticks(8), 0.019) {
		p := a.Place(t.At, t.At)
		p.Text = t.Label
		out = append(out, p)
	}
	return out
}

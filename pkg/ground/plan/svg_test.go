package plan

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"payload-ipc/pkg/proof/browser"
)

// The picture on a desk and on a telephone, by day and by night: all text is on
// it, large enough and not in the way of other text; and the windows are drawn
// where the JSON of the same plan has them.
func TestSVG(t *testing.T) {
	b := browser.Open(t)
	for name, spec := range map[string]Spec{"plan": tutorial(), "week": tutorial(func(s *Spec) { s.Repeat, s.Every = 7, Day })} {
		t.Run(name, func(t *testing.T) { drawnRight(t, b, name, dryRun(t, spec)) })
	}
}

func drawnRight(t *testing.T, b *browser.Browser, name string, p *Plan) {
	file := filepath.Join(t.TempDir(), "plan.svg")
	if err := os.WriteFile(file, p.SVG(), 0o644); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Now    time.Time
		Passes []struct {
			Overlap int64
			Windows [2]struct {
				Start    time.Time
				Duration float64
				Before   float64 `json:"buffer_before"`
				After    float64 `json:"buffer_after"`
			}
		}
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	pass := said.Passes[0]
	opens, closes := math.Inf(1), math.Inf(-1)
	for _, w := range pass.Windows {
		start := float64(w.Start.Unix())
		opens, closes = min(opens, start-w.Before), max(closes, start+w.Duration+w.After)
	}
	for _, screen := range browser.Screens {
		screen.Phone = false // a picture has no viewport to go by: a telephone zooms
		page := b.Visit("file://"+file, screen)
		page.Keep(name + "-" + screen.String())
		var off []string
		page.Ask(`[...document.querySelectorAll("text")].filter(e => { const r = e.getBoundingClientRect()
			return r.width && (r.left < 0 || r.right > innerWidth || r.height < 12) || getComputedStyle(e).fill == getComputedStyle(document.querySelector(".ground")).fill
		}).map(e => e.textContent)`, &off)
		if len(off) > 0 {
			t.Errorf("%v: cut off or not to be read: %q", screen, off)
		}
		var width float64
		if page.Ask("document.querySelector('.ground').getBoundingClientRect().width", &width); width > float64(screen.Width) || width < min(float64(screen.Width), 960) {
			t.Errorf("%v: the picture is %v px wide", screen, width)
		}
		if pairs := page.Clashes("text"); pairs != nil {
			t.Errorf("%v: in each other's way: %q", screen, pairs)
		}
		var ticks int
		if page.Ask("document.querySelectorAll('.tick').length", &ticks); ticks < 8 {
			t.Errorf("%d ticks on both axes, want more", ticks)
		}
		var drawn [][2]float64 // left edge and width, shares of the inside
		page.Ask(`(() => {
			const lane = document.querySelector(".lane").getBoundingClientRect()
			return [...document.querySelectorAll(".window, .overlap")].filter(e => e.getAttribute("height") == 18).map(e => { const r = e.getBoundingClientRect()
				return [(r.left - lane.left) / lane.width, r.width / lane.width] })
		})()`, &drawn)
		drawn = drawn[len(said.Passes):] // those in days are before
		at := func(from time.Time, seconds float64) [2]float64 {
			return [2]float64{(float64(from.Unix()) - opens) / (closes - opens), seconds / (closes - opens)}
		}
		overlap := at(pass.Windows[1].Start, float64(pass.Overlap))
		want := [][2]float64{
			at(pass.Windows[0].Start, pass.Windows[0].Duration), overlap,
			at(pass.Windows[1].Start, pass.Windows[1].Duration), overlap,
		}
		if len(drawn) != len(want) {
			t.Fatalf("%v: %d bars, want %d", screen, len(drawn), len(want))
		}
		for i := range want {
			if math.Abs(drawn[i][0]-want[i][0]) > 0.003 || math.Abs(drawn[i][1]-want[i][1]) > 0.003 {
				t.Errorf("%v: bar %d is at %.3f, %.3f wide, want %.3f and %.3f", screen, i, drawn[i][0], drawn[i][1], want[i][0], want[i][1])
			}
		}
		if all := page.Trouble(); all != nil {
			t.Errorf("%q", all)
		}
		page.Close()
	}
}

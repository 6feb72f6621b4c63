package campaign

import (
	"fmt"
	"slices"
	"time"

	"payload-ipc/pkg/proof/chart"
	"payload-ipc/pkg/proof/evidence"
)

// Publish puts the tables into the block "campaign" of file and a picture
// beside it. load is evidence.Load of before the campaign.
func (t Table) Publish(file string, c Campaign, took time.Duration, load string) error {
	text := evidence.Machine(load) + "\n\n" + t.Text(c, took)
	if err := evidence.Put(file, "campaign", text); err != nil {
		return err
	}
	return evidence.Draw(file, "campaign.svg", t.svg())
}

func (t Table) svg() []byte {
	parts := []string{Complete, Partial, Nothing, Held, "overrun, lost or lie"}
	s := chart.Stacks{
		Title: "What came of the same passes", Unit: "passes",
		Parts: parts, Fills: []string{"#1a7f37", "#bf8700", "#8c959f", "#8250df", "#cf222e"},
	}
	add := func(label string, is func(Row) bool) {
		if t.of(contenders[0].name, is) == 0 {
			return
		}
		s.Rows = append(s.Rows, chart.Stack{Label: fmt.Sprintf("%s (%d)", label, t.of(contenders[0].name, is)), Head: true})
		for i, who := range t.who {
			row := chart.Stack{Label: who, Ours: i == 0}
			for _, o := range [][]string{{Complete}, {Partial}, {Nothing}, {Held}, {Overrun, Lost, Lie}} {
				row.Values = append(row.Values, float64(t.of(who, func(r Row) bool { return is(r) && slices.Contains(o, r.Verdict.Outcome) })))
			}
			s.Rows = append(s.Rows, row)
		}
	}
	add("all passes", func(Row) bool { return true })
	add("no fault", func(r Row) bool { return len(r.Schedule.Faults) == 0 })
	for _, f := range faults {
		add("with: "+f, func(r Row) bool { return slices.Contains(r.Schedule.Faults, f) })
	}
	return s.SVG()
}

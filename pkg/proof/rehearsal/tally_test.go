package rehearsal

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	good := Tally{Took: 90 * time.Second, Seed: 7, Rows: []Row{
		{Scenario: "pass", N: 1, OK: true, Story: "it came", Seconds: 5},
		{Scenario: "cut", N: 1, OK: true, Cut: true, Lost: 1 << 20, Seconds: 9},
		{Scenario: "cut", N: 2, OK: true, Cut: true, Lost: 0, Seconds: 12},
	}}
	bad := good
	bad.Rows = append(good.Rows[:3:3], Row{Scenario: "disk", N: 1, Why: "a torn file", Story: "cut behind write 3"})
	for _, c := range []struct {
		t    Tally
		bad  bool
		says []string
	}{
		{good, false, []string{"3 plays of seed 7 in 1m30s.", "| cut | 2 | 2 | 0; 1,048,576; 1,048,576 | 12.0 |", "- pass: it came", "- cut, proven bytes lost, each: 0; 1,048,576"}},
		{bad, true, []string{"| disk | 1 | 0 |", "- disk 1: WRONG: a torn file; cut behind write 3"}},
	} {
		text := c.t.Text()
		for _, s := range c.says {
			if !strings.Contains(text, s) {
				t.Errorf("no %q in\n%s", s, text)
			}
		}
		if c.t.Bad() != c.bad {
			t.Errorf("bad: got %v", c.t.Bad())
		}
		var b bytes.Buffer
		if err := c.t.JSON(&b); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.t.Rows {
			line, _ := b.ReadBytes('\n')
			var got Row
			if err := json.Unmarshal(line, &got); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		}
	}
}

// A scenario alone is played behind the pass where it needs what that measures.
func TestChosen(t *testing.T) {
	for only, want := range map[string]string{
		"": "pass cut unplugged server-back server-gone disk clock hand-over", "pass": "pass", "cut": "pass cut", "disk": "disk", "hand-over": "hand-over",
	} {
		var got []string
		for _, list := range scenarios {
			for _, s := range (&Rehearsal{Only: only}).chosen(list) {
				got = append(got, s.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %q, want %q", only, got, want)
		}
	}
}

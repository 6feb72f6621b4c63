package plan

import (
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// chart is a time line: its columns stand for the time between from and to.
type chart struct {
	from    time.Time
	span    int64 // seconds
	columns int
}

func (s *sheet) chart(from, to time.Time) chart {
	return chart{from, max(1, int64(to.Sub(from)/time.Second)), min(chartMax, max(chartMin, s.width-label-7))}
}

// at is the column of t; half rounds to the nearest.
func (c chart) at(t time.Time, half bool) int {
	n := int64(t.Sub(c.from)/time.Second) * int64(c.columns)
	if half {
		n += c.span / 2
	}
	return min(c.columns-1, max(0, int(n/c.span)))
}

func (c chart) empty() []byte { return []byte(strings.Repeat(" ", c.columns)) }

func fill(line []byte, from, to int, b byte) {
	for i := max(0, from); i <= to && i < len(line); i++ {
		line[i] = b
	}
}

// spans is a line with what of a time is in one of all; what is short is one
// column.
func (c chart) spans(all []tasking.Interval, b byte) []byte {
	line := c.empty()
	for _, f := range all {
		from := c.at(f.Start, false)
		to := int(int64(f.End.Sub(c.from)/time.Second) * int64(c.columns) / c.span)
		fill(line, from, max(from, to-1), b)
	}
	return line
}

// ends writes the two ends of a time line below it.
func (s *sheet) ends(c chart, from, to time.Time) {
	left, right := from.Format("2 Jan 15:04")+" UTC", to.Format("2 Jan 15:04")+" UTC"
	if len(left)+len(right) >= c.columns {
		s.under(left)
		left = ""
	}
	s.under(fmt.Sprintf("%s%*s", left, c.columns-len(left), right))
}

func (s *sheet) row(name string, line []byte) {
	fmt.Fprintf(s.w, "     %-*s|%s|\n", label-1, name, line)
}

// under writes what stands below a time line.
func (s *sheet) under(text string) {
	fmt.Fprintf(s.w, "     %-*s%s\n", label, "", strings.TrimRight(text, " "))
}

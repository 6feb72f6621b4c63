package plan

import (
	"fmt"
	"strings"
	"time"
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

func (s *sheet) row(name string, line []byte) {
	fmt.Fprintf(s.w, "     %-*s|%s|\n", label-1, name, line)
}

// under writes what stands below a time line.
func (s *sheet) under(text string) {
	fmt.Fprintf(s.w, "     %-*s%s\n", label, "", strings.TrimRight(text, " "))
}

package main

import (
	"fmt"
	"io"
	"strings"

	"payload-ipc/pkg/ground/plan"
)

// A table has a heading and rows of as many cells.
type table struct {
	heading []string
	rows    [][]string
	right   map[int]bool // columns of numbers
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write lays the table out for cols columns, 0 for any number. What the last
// cell has too much is folded below it; where that has no room either, each
// row becomes a block, with a line for each cell.
func (t *table) write(w io.Writer, cols int) {
	wide := make([]int, len(t.heading))
	for _, row := range append([][]string{t.heading}, t.rows...) {
		for i, cell := range row {
			wide[i] = max(wide[i], len([]rune(cell)))
		}
	}
	last := len(wide) - 1
	left := 0
	for _, n := range wide[:last] {
		left += n + 2
	}
	if cols > 0 && left+min(wide[last], 20) > cols {
		t.blocks(w, cols)
		return
	}
	for _, row := range append([][]string{t.heading}, t.rows...) {
		line := ""
		for i, cell := range row[:last] {
			if t.right[i] {
				line += fmt.Sprintf("%*s  ", wide[i], cell)
			} else {
				line += fmt.Sprintf("%-*s  ", wide[i], cell)
			}
		}
		folded := []string{row[last]}
		if cols > 0 {
			folded = plan.Fold(row[last], cols-left, 0)
		}
		for _, l := range folded {
			fmt.Fprintln(w, strings.TrimRight(line+l, " "))
			line = strings.Repeat(" ", left)
		}
	}
}

func (t *table) blocks(w io.Writer, cols int) {
	for _, row := range t.rows {
		for i, cell := range row {
			text := strings.ToLower(t.heading[i]) + " " + cell
			if i == 0 {
				text = cell
			} else if cell == "" || cell == "-" {
				continue
			}
			for _, l := range plan.Fold(text, cols-min(i, 1)*2, 2) {
				fmt.Fprintf(w, "%*s%s\n", min(i, 1)*2, "", l)
			}
		}
	}
}

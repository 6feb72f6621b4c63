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
	cut     bool         // the last cell is cut where the line ends, not folded
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write lays the table out as wide as the terminal behind w is. What the last
// cell has too much is folded below it; where that has no room either, each
// row becomes a block, with a line for each cell.
func (t *table) write(w io.Writer) {
	cols := columns(w)
	wide := make([]int, len(t.heading))
	all := append([][]string{t.heading}, t.rows...)
	for _, row := range all {
		for i, cell := range row {
			wide[i] = max(wide[i], len([]rune(cell)))
		}
	}
	last := len(wide) - 1
	left := 0
	for _, n := range wide[:last] {
		left += n + 2
	}
	need := left + min(wide[last], 20)
	if t.cut {
		need = left - 2
	}
	if cols > 0 && need > cols {
		t.blocks(w, cols)
		return
	}
	for _, row := range all {
		l := ""
		for i, cell := range row[:last] {
			if t.right[i] {
				l += fmt.Sprintf("%*s  ", wide[i], cell)
			} else {
				l += fmt.Sprintf("%-*s  ", wide[i], cell)
			}
		}
		for _, end := range t.last(row[last], cols, left) {
			fmt.Fprintln(w, strings.TrimRight(l+end, " "))
			l = strings.Repeat(" ", left)
		}
	}
}

// last is the last cell, behind left columns, as the lines that it takes.
func (t *table) last(cell string, cols, left int) []string {
	switch room := max(0, cols-left); {
	case cols <= 0 || len([]rune(cell)) <= room:
		return []string{cell}
	case t.cut && room < 4:
		return []string{""}
	case t.cut:
		return []string{string([]rune(cell)[:room-3]) + "..."}
	default:
		return plan.Fold(cell, room, 0)
	}
}

func (t *table) blocks(w io.Writer, cols int) {
	for _, row := range t.rows {
		fmt.Fprintln(w, fold(row[0], cols, 2))
		for i, cell := range row[1:] {
			if cell != "" && cell != "-" {
				fmt.Fprintln(w, fold("  "+strings.ToLower(t.heading[i+1])+" "+cell, cols, 4))
			}
		}
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// nowhere is where nobody looks.
var nowhere = io.Discard

// redactingWriter takes the token and keys out of what is printed, the last of
// several barriers.
type redactingWriter struct {
	mu    sync.Mutex
	w     io.Writer
	token string
}

// hide takes the token out of everything that is printed from here on.
func (io *stdio) hide(token string) {
	io.out, io.err = &redactingWriter{w: io.out, token: token}, &redactingWriter{w: io.err, token: token}
}

func (d *redactingWriter) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := io.WriteString(d.w, tasking.HideKeys(tasking.Hide(string(p), d.token))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// file is the one behind w, also behind what makes text safe; nil if there is
// none.
func file(w any) *os.File {
	switch x := w.(type) {
	case *redactingWriter:
		return file(x.w)
	case plain:
		return file(x.w)
	case *os.File:
		return x
	}
	return nil
}

// terminal reports whether w is one.
func terminal(w any) bool {
	f := file(w)
	return f != nil && isatty.IsTerminal(f.Fd())
}

// termSize is the size of the terminal behind w; zeros if it is none, or does
// not know, as under script(1) in a pipe.
func termSize(w any) (cols, rows int) {
	if !terminal(w) {
		return 0, 0
	}
	s, err := unix.IoctlGetWinsize(int(file(w).Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(s.Col), int(s.Row)
}

// columns is the width of the terminal behind w, 0 if it has none.
func columns(w any) int {
	cols, _ := termSize(w)
	return cols
}

// drawable reports whether something can be drawn on w in place.
func (io *stdio) drawable(w any) bool {
	cols, rows := termSize(w)
	return cols > 0 && rows > 1 && io.getenv("TERM") != "dumb"
}

// folded is text as it fits on w: whole lines where it is no terminal.
func folded(w any, text string) string { return fold(text, columns(w), 2) }

// commandAtEnd finds a command for the user to give next at the end of a text.
var commandAtEnd = regexp.MustCompile(`: ((?:SPIRE_AUTH_TOKEN=\.\.\. )?(?:\S*ground|'[^']*ground') (?:deploy|status|cancel|review|get) .*)$`)

// fold breaks text into lines of at most cols columns, all but the first
// indented; for none, cols is 0. A command in it stays in one piece, on a line
// of its own: what is broken here would be two commands where it is pasted.
func fold(text string, cols, indent int) string {
	if cols <= 0 || len([]rune(text)) <= cols {
		return text
	}
	command := ""
	if at := commandAtEnd.FindStringSubmatchIndex(text); at != nil {
		text, command = text[:at[2]-1], "\n"+text[at[2]:]
	}
	return strings.Join(plan.Fold(text, cols, indent), "\n") + command
}

// line prints one sentence on a line, or on as many as it takes there.
func line(w io.Writer, format string, a ...any) {
	fmt.Fprintln(w, folded(w, fmt.Sprintf(format, a...)))
}

// confirm asks on a terminal; in a pipe nobody is there to be asked.
func confirm(ctx context.Context, io *stdio, question string) bool {
	if !terminal(io.in) || !terminal(io.err) {
		return true
	}
	fmt.Fprintf(io.err, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // ends with the process: a terminal's read cannot be called back
		var s string
		fmt.Fscanln(io.in, &s)
		answer <- s
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(io.err)
		return false
	case s := <-answer:
		return strings.EqualFold(s, "y") || strings.EqualFold(s, "yes")
	}
}

// screen keeps a block of lines at the bottom of a terminal, and draws it again
// in place.
type screen struct {
	mu    sync.Mutex
	w     io.Writer
	drawn []string // what stands there, as long as it was then
}

// draw shows lines in the place of those before. What does not fit is left out
// and counted, since a block higher than the terminal cannot be drawn in place.
func (s *screen) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write("", lines)
}

// print writes text above the block.
func (s *screen) print(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(text, s.drawn)
}

func (s *screen) write(above string, lines []string) {
	cols, rows := termSize(s.w)
	var b strings.Builder
	if up := s.height(cols); up > 0 {
		// From the first column: a ^C that the terminal echoes moves the cursor.
		fmt.Fprintf(&b, "\r\x1b[%dA\x1b[J", up)
	}
	if above != "" {
		b.WriteString(above + "\n")
	}
	if most := max(1, rows-1); rows > 0 && len(lines) > most {
		lines = append(append([]string{}, lines[:most-1]...), fmt.Sprintf("and %d more", len(lines)-most+1))
	}
	s.drawn = s.drawn[:0:0]
	for _, l := range lines {
		if r := []rune(l); cols > 0 && len(r) >= cols {
			l = string(r[:cols-1])
		}
		s.drawn = append(s.drawn, l)
		b.WriteString(l + "\n")
	}
	io.WriteString(s.w, b.String())
}

// height is how many rows the block takes: a terminal that became narrower
// since has folded its lines.
func (s *screen) height(cols int) (n int) {
	for _, l := range s.drawn {
		n++
		if cols > 0 {
			n += max(0, len([]rune(l))-1) / cols
		}
	}
	return n
}

// bar is done of total as width characters.
func bar(done, total int64, width int) string {
	if width < 4 {
		return ""
	}
	inner := int64(width - 2)
	full := inner
	if total > 0 {
		full = inner * min(max(done, 0), total) / total
	}
	return "[" + strings.Repeat("=", int(full)) + strings.Repeat("-", int(inner-full)) + "]"
}

// row is one line of a block: a name, a bar, what there is to say. The shorter
// forms are for narrow terminals; what is said is never cut in their favour.
type row struct {
	names       []string // long to short
	texts       []string // long to short
	done, total int64
}

// layout lays rows out for a width, all in the same way, with bars of at most
// widest columns. Where not even the
// shortest fits beside its name, the text gets a line of its own.
func layout(rows []row, cols, widest int) (out []string) {
	for _, form := range []struct{ name, text, bar int }{{0, 0, widest}, {1, 0, widest}, {1, 0, 20}, {1, 0, 10}, {1, 1, 10}, {1, 0, 0}, {1, 1, 0}} {
		out = out[:0]
		wide, fits := 0, true
		for _, r := range rows {
			wide = max(wide, len([]rune(r.name(form.name))))
		}
		for _, r := range rows {
			l := fmt.Sprintf("%-*s ", wide, r.name(form.name))
			if form.bar > 0 {
				l += bar(r.done, r.total, form.bar) + " "
			}
			l = strings.TrimRight(l+r.text(form.text), " ")
			fits = fits && (cols <= 0 || len([]rune(l)) < cols)
			out = append(out, l)
		}
		if fits {
			return out
		}
	}
	out = out[:0]
	for _, r := range rows {
		out = append(out, r.name(1), "  "+r.text(1))
	}
	return out
}

func (r row) name(i int) string { return r.names[min(i, len(r.names)-1)] }
func (r row) text(i int) string { return r.texts[min(i, len(r.texts)-1)] }

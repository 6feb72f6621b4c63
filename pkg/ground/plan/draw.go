package plan

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Draw writes the plan for a person who has never seen one. ASCII only, at most
// 100 columns except for the commands themselves.
func (p *Plan) Draw(w io.Writer) {
	fmt.Fprintf(w, "Plan for %s, run %s\n", p.Satellite, p.Run)
	fmt.Fprintf(w, "  Brings %s from the SDR, through the SABERTOOTH, down to your bucket as %s.\n", p.Spec.Path, p.Spec.Name)
	p.drawUploads(w)
	p.drawWindows(w)
	p.drawDays(w)
	p.drawPass(w)
	fmt.Fprintf(w, "\n  Both programs run together for %d s.\n", p.Overlap)
	if !p.Scheduled() {
		fmt.Fprintf(w, "  Earliest possible start: %s, because of %s.\n", Stamp(p.Earliest), p.Held)
	}
	if !p.Asked && !p.Scheduled() { // a pair that is there needs no free time
		fmt.Fprintln(w, "  Nobody was asked: availability, and what is aboard already, are unknown.")
	}
	fmt.Fprintln(w, "  The file and its receipt come down at a contact after the windows, up to 5 h later.")
	for _, n := range p.Notes {
		fmt.Fprintln(w, "  Note:", n)
	}
	for _, s := range p.Warnings {
		fmt.Fprintln(w, "  Warning:", s)
	}
}

func (p *Plan) drawUploads(w io.Writer) {
	fmt.Fprintf(w, "\n  1. Programs to the satellite\n")
	for _, u := range p.Uploads {
		state := "to be sent"
		switch {
		case p.Spec.SkipUpload:
			state = "not sent (--skip-upload)"
		case u.Aboard():
			state = "aboard already"
		case u.Status != "":
			state = "on its way (" + u.Status + ")"
		}
		fmt.Fprintf(w, "     %-17s %9s bytes  to %-10s %s\n", u.Program, Grouped(u.Size), u.Payload, u.Destination)
		if u.Base != "" {
			fmt.Fprintf(w, "     %-17s update of %s\n", "", u.Base)
		}
		fmt.Fprintf(w, "     %-17s %s", "", state)
		if u.Days > 0 {
			fmt.Fprintf(w, ", %.1f days of uplink, expected by %s", u.Days, u.Expected.Format("Mon 2 Jan 2006"))
		}
		fmt.Fprintln(w)
	}
}

func (p *Plan) drawWindows(w io.Writer) {
	fmt.Fprintf(w, "\n  2. Two windows (times in UTC)\n")
	for _, x := range p.Windows {
		state := "to be scheduled"
		if x.ID != "" {
			state = "scheduled already, id " + x.ID
		}
		fmt.Fprintf(w, "     %-18s %s to %s, %d s, %s\n", x.Type, x.Start.Format("Mon 2 Jan 2006 15:04:05"),
			x.End().Format("15:04:05"), x.Seconds, state)
		fmt.Fprintf(w, "     %-18s runs %s\n", "", Command(x))
	}
}

// Command is a window's command on one line, the hand-over's script left out.
func Command(x Window) string {
	argv := append([]string{x.Executable}, x.Args...)
	for i, a := range argv {
		if strings.ContainsAny(a, "\n") {
			argv[i] = fmt.Sprintf("'%d bytes of hand-over script'", len(a))
		}
	}
	return strings.Join(argv, " ")
}

const columns = 80 // of a time line

// drawDays is the time line from now to the windows.
func (p *Plan) drawDays(w io.Writer) {
	start := p.Windows[0].Start
	end := p.Windows[1].End()
	if e := p.Windows[0].End(); e.After(end) {
		end = e
	}
	span := end.Sub(p.Now)
	if span <= 0 {
		return
	}
	at := func(t time.Time) int {
		return min(columns-1, max(0, int(int64(columns)*int64(t.Sub(p.Now)/time.Second)/max(1, int64(span/time.Second)))))
	}
	fmt.Fprintf(w, "\n  From now to the windows (%s)\n", Span(start.Sub(p.Now)))
	from := p.Now
	for _, u := range p.Uploads {
		if u.Days > 0 {
			line := blank()
			fill(line, at(from), at(u.Expected), '=')
			fmt.Fprintf(w, "     %-11s|%s|\n", "up "+short(u.Program), line)
			from = u.Expected
		}
	}
	line := blank()
	fill(line, at(start), columns-1, '#')
	fmt.Fprintf(w, "     %-11s|%s|\n", "windows", line)
	left, right := p.Now.Format("2 Jan 15:04"), start.Format("2 Jan 15:04")
	fmt.Fprintf(w, "     %-12s%s%*s\n", "", left, columns-len(left), right)
}

// drawPass is the time line of the windows themselves.
func (p *Plan) drawPass(w io.Writer) {
	a, b := p.Windows[0], p.Windows[1]
	zero := a.Start
	first, last := a.Opens(), a.Closes()
	if b.Opens().Before(first) {
		first = b.Opens()
	}
	if b.Closes().After(last) {
		last = b.Closes()
	}
	span := int64(last.Sub(first) / time.Second)
	at := func(t time.Time) int {
		return min(columns-1, max(0, int((int64(t.Sub(first)/time.Second)*columns+span/2)/span)))
	}
	fmt.Fprintf(w, "\n  The windows, in seconds after %s UTC\n", zero.Format("15:04:05"))
	for i, x := range p.Windows {
		line := blank()
		fill(line, at(x.Opens()), at(x.Closes()), '-')
		fill(line, at(x.Start), at(x.End())-1, '#')
		fmt.Fprintf(w, "     %-11s|%s|\n", [2]string{SDR, Sabertooth}[i], line)
	}
	from, to := a.Start, a.End()
	if b.Start.After(from) {
		from = b.Start
	}
	if b.End().Before(to) {
		to = b.End()
	}
	line := blank()
	fill(line, at(from), at(to)-1, '*')
	fmt.Fprintf(w, "     %-11s|%s|\n", "together", line)
	scale := blank()
	used := -1
	for _, t := range []time.Time{first, a.Start, b.Start, a.End(), b.End(), last} {
		label := fmt.Sprint(int64(t.Sub(zero) / time.Second))
		c := min(at(t), columns-len(label))
		if c > used {
			copy(scale[c:], label)
			used = c + len(label)
		}
	}
	fmt.Fprintf(w, "     %-12s%s\n", "", strings.TrimRight(string(scale), " "))
	fmt.Fprintf(w, "     %-12s# program runs   - buffer before and after   * both run\n", "")
}

func short(program string) string {
	switch program {
	case "sdr-serve":
		return "serve"
	case "sabertooth-fetch":
		return "fetch"
	}
	return program
}

func blank() []byte { return []byte(strings.Repeat(" ", columns)) }

func fill(line []byte, from, to int, c byte) {
	for i := max(0, from); i <= to && i < len(line); i++ {
		line[i] = c
	}
}

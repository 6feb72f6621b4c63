package plan

import (
	"fmt"
	"strings"
	"time"
)

// end is when the last window closes.
func (p *Plan) end() time.Time {
	end := p.First().End()
	for _, pass := range p.Passes {
		end = later(end, pass.End())
	}
	return end
}

// ahead says how long it is to the windows: of one pass, or to the next and the
// end of several.
func (p *Plan) ahead() string {
	what, next := "the windows", "to the next"
	if n := len(p.Passes); n > 1 {
		what = fmt.Sprintf("the last of %d passes", n)
	}
	for i, pass := range p.Passes {
		start := pass.Windows[0].Start
		if !start.After(p.Now) {
			continue
		}
		if i == 0 {
			next = "to the first"
		}
		if len(p.Passes) == 1 {
			return fmt.Sprintf("From now to the windows (%s)", Span(start.Sub(p.Now)))
		}
		return fmt.Sprintf("From now to the end of %s (%s, %s %s)", what, Span(p.end().Sub(p.Now)), Span(start.Sub(p.Now)), next)
	}
	return fmt.Sprintf("From now to the end of %s (%s)", what, Span(p.end().Sub(p.Now)))
}

// drawDays is the time line from now to the last window.
func (p *Plan) drawDays(s *sheet) {
	end := p.end()
	if !end.After(p.Now) {
		return
	}
	c := s.chart(p.Now, end)
	s.blank()
	s.line(2, "%s", p.ahead())
	from := p.Now
	for _, u := range p.Uploads {
		if u.Days > 0 {
			line := c.empty()
			fill(line, c.at(from, false), c.at(u.Expected, false), '=')
			s.row("up "+short(u.Program), line)
			from = u.Expected
		}
	}
	line := c.empty()
	for _, pass := range p.Passes {
		fill(line, c.at(pass.Windows[0].Start, false), c.at(pass.End(), false), '#')
	}
	s.row("windows", line)
	s.ends(c, p.Now, end)
}

// drawPass is the time line of the windows of one pass.
func (p *Plan) drawPass(s *sheet, pass Pass) {
	a, b := pass.Windows[0], pass.Windows[1]
	zero := a.Start
	c := s.chart(pass.Opens(), pass.Closes())
	s.blank()
	of := ""
	if len(p.Passes) > 1 {
		of = " of the first pass"
	}
	s.line(2, "The windows%s, in seconds after %s UTC", of, zero.Format("15:04:05"))
	for _, x := range pass.Windows {
		line := c.empty()
		fill(line, c.at(x.Opens(), true), c.at(x.Closes(), true), '-')
		fill(line, c.at(x.Start, true), c.at(x.End(), true)-1, '#')
		s.row(strings.TrimPrefix(x.Type, windowPrefix), line)
	}
	line := c.empty()
	fill(line, c.at(later(a.Start, b.Start), true), c.at(earlier(a.End(), b.End()), true)-1, '*')
	s.row("overlap", line)
	scale := c.empty()
	used := -1
	for _, t := range []time.Time{pass.Opens(), a.Start, b.Start, a.End(), b.End(), pass.Closes()} {
		label := fmt.Sprint(int64(t.Sub(zero) / time.Second))
		at := min(c.at(t, true), c.columns-len(label))
		if at > used {
			copy(scale[at:], label)
			used = at + len(label)
		}
	}
	s.under(string(scale))
	for _, l := range Fold("# program runs   - buffer before and after   * overlap", c.columns, 0) {
		s.under(l)
	}
}

package plan

import (
	"fmt"
	"io"
	"strings"

	"payload-ipc/pkg/flight/fetch"
	"payload-ipc/pkg/ground/survey"
)

const (
	pipeWidth = 99 // columns where nobody knows how many there are
	chartMin  = 20
	chartMax  = 80
	label     = 12 // columns before a time line
)

// sheet is a page of a fixed width, ASCII except for what the user named.
type sheet struct {
	w     io.Writer
	width int
	fold  bool
}

func newSheet(w io.Writer, width int) *sheet {
	s := &sheet{w: w, width: width, fold: width > 0}
	if width <= 0 {
		s.width = pipeWidth
	}
	return s
}

// Draw writes the plan for a person who has never seen one. Lines are folded to
// width columns; 0 is a pipe, whose lines are left whole.
func (p *Plan) Draw(w io.Writer, width int) {
	s := newSheet(w, width)
	spec := p.Spec
	if n := len(p.Passes); n > 1 {
		s.line(0, "Plan for %s, %d passes, the first is run %s", p.Satellite, n, p.First().Run)
	} else {
		s.line(0, "Plan for %s, run %s", p.Satellite, p.First().Run)
	}
	if spec.Survey {
		s.line(2, "Asks the %s and the %s what is assumed of them. Nothing goes up: both windows run %s with a script of %s bytes.",
			spec.from().Name, spec.to().Name, survey.Executable, Grouped(int64(len(survey.Script))))
	} else {
		s.line(2, "Brings %s from the %s, through the %s, down to your bucket.", spec.brings(), spec.from().Name, spec.to().Name)
		s.line(2, "Who may read from the %s: %s.", spec.from().Name, spec.readers())
		p.drawUploads(s)
	}
	p.drawWindows(s)
	p.drawDays(s)
	p.drawPass(s, p.First())
	s.blank()
	s.line(2, "The windows overlap for %d s.", p.First().Overlap)
	if !p.Scheduled() {
		s.line(2, "Earliest possible start: %s, limited by %s.", Stamp(p.Earliest), p.Limit)
	}
	if !p.Asked && !p.Scheduled() { // a pair that is there needs no free time
		s.line(2, "Dry run: availability not checked, and what is aboard already is unknown.")
	}
	what := "The file and its receipt come"
	if spec.Survey {
		what = "What they find, for ground review, comes"
	} else if len(spec.Files) > 1 || strings.HasSuffix(spec.Files[0].Path, "/") {
		what = "The files and their receipts come"
	}
	after := "the windows"
	if len(p.Passes) > 1 {
		after = "each pass"
	}
	s.line(2, "%s down at a contact after %s, up to 5 h later.", what, after)
	for _, n := range p.Notes {
		s.line(2, "Note: %s", n)
	}
	for _, w := range p.Warnings {
		s.line(2, "Warning: %s", w)
	}
}

// readers are who may connect to the server; its own default is the payloads'
// network, since an address that changed would waste the window.
func (s Spec) readers() string {
	from := "the payloads' network " + payloadNet.String()
	if len(s.Allow) > 0 {
		var out []string
		for _, p := range s.Allow {
			out = append(out, p.String())
		}
		from = List(out)
	}
	if s.Key {
		return "who has this run's key, from " + from
	}
	return from
}

// brings are the files, each with its name in the bucket.
func (s Spec) brings() string {
	var out []string
	for _, f := range s.Files {
		if f.Name == "" {
			out = append(out, f.Path)
			continue
		}
		if fetch.Path(f).Archive() {
			out = append(out, "what is in "+f.Path+" as the archive "+f.Name)
			continue
		}
		if strings.HasSuffix(f.Path, "/") {
			out = append(out, "what is in "+f.Path+" as "+f.Name+"_...")
			continue
		}
		out = append(out, f.Path+" as "+f.Name)
	}
	if s.Tail > 0 {
		return "the last " + Grouped(s.Tail) + " bytes each of " + List(out)
	}
	return List(out)
}

func (s *sheet) blank() { fmt.Fprintln(s.w) }

// line writes one line, folded between words, further ones indented by 4 more.
func (s *sheet) line(indent int, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	if !s.fold {
		fmt.Fprintf(s.w, "%*s%s\n", indent, "", text)
		return
	}
	for _, l := range Fold(text, s.width-indent, 4) {
		fmt.Fprintf(s.w, "%*s%s\n", indent, "", l)
	}
}

// Fold cuts text between its words into lines of at most width columns, all but
// the first indented; a longer word is cut.
func Fold(text string, width, indent int) (out []string) {
	width = max(width, indent+8)
	rest := []rune(strings.TrimRight(text, " "))
	for pad := ""; ; pad = strings.Repeat(" ", indent) {
		room := width - len(pad)
		if len(rest) <= room {
			return append(out, pad+string(rest))
		}
		line, next := string(rest[:room]), rest[room:]
		if i := strings.LastIndexByte(string(rest[:room+1]), ' '); i >= 0 && strings.TrimSpace(string(rest[:room+1])[:i]) != "" {
			line = string(rest[:room+1])[:i]
			next = rest[len([]rune(line)):]
		}
		out = append(out, pad+strings.TrimRight(line, " "))
		rest = []rune(strings.TrimLeft(string(next), " "))
	}
}

// under80 is indent, or less where lines are short.
func (s *sheet) under80(indent int) int {
	if s.fold && s.width < chartMax {
		return 9
	}
	return indent
}

func (p *Plan) drawUploads(s *sheet) {
	s.blank()
	s.line(2, "1. Programs to the satellite")
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
		s.line(5, "%-17s %9s bytes  to %-10s %s", u.Program, Grouped(u.Size), u.Payload, u.Destination)
		if u.Base != "" {
			s.line(s.under80(23), "update of %s", u.Base)
		}
		if u.MadeBy != "" {
			s.line(s.under80(23), "an update made it aboard; --whole sends it all the same")
		}
		if u.Days > 0 {
			state += fmt.Sprintf(", %.1f days of uplink, expected by %s", u.Days, Date(u.Expected))
		}
		s.line(s.under80(23), "%s", state)
	}
}

func (p *Plan) drawWindows(s *sheet) {
	s.blank()
	if p.Spec.Survey {
		s.line(2, "Windows")
	} else {
		s.line(2, "2. Windows")
	}
	for _, pass := range p.Passes {
		if len(p.Passes) > 1 {
			s.line(5, "run %s", pass.Run)
		}
		for _, x := range pass.Windows {
			state := "to be scheduled"
			if x.ID != "" {
				state = "scheduled already, id " + x.ID
			}
			s.line(5, "%-18s %s to %s UTC, %d s, %s", x.Type, x.Start.Format("Mon 2 Jan 2006 15:04:05"),
				x.End().Format("15:04:05"), x.Seconds, state)
			if pass.Run == p.First().Run {
				s.line(s.under80(24), "runs %s", Command(x))
			}
		}
	}
}

// Command is a window's command on one line, its script and a key left out.
func Command(x Window) string {
	argv := append([]string{x.Executable}, ShownArgs(x.Args)...)
	kind := "hand-over"
	if surveys(x.Args) {
		kind = "survey"
	}
	for i, a := range argv {
		switch {
		case strings.ContainsAny(a, "\n"):
			argv[i] = fmt.Sprintf("'%s bytes of %s script'", Grouped(int64(len(a))), kind)
		case strings.ContainsAny(a, " '\"\\$`"):
			argv[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.TrimSpace(strings.Join(argv, " "))
}

func short(program string) string {
	switch program {
	case Server:
		return "serve"
	case Fetcher:
		return "fetch"
	}
	return program
}

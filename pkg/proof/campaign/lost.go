package campaign

import (
	"fmt"
	"strings"
)

// lost names every stretch that a stage held between windows and that was
// neither delivered nor is still held.
func (p *pass) lost() (why []string) {
	why = append(why, p.torn...)
	for _, c := range append(p.claims, p.held...) {
		if c.gen == nil {
			why = append(why, fmt.Sprintf("the stage claims %d bytes that are of no one generation", c.size))
		}
	}
	for _, c := range p.claims {
		if c.gen == nil || p.still(c) {
			continue
		}
		why = append(why, fmt.Sprintf("the stage held %d bytes of generation %d, and they are gone", c.size, c.gen.number))
	}
	return why
}

// still says whether c is held at the end, or came down.
func (p *pass) still(c claim) bool { return c.in(p.held) || p.delivered(c) }

func (p *pass) delivered(c claim) bool {
	for _, f := range p.results {
		for name, body := range f.files {
			if name != logName && !strings.HasSuffix(name, ".part") {
				continue
			}
			if g, from := p.journal.whose(body); g == c.gen && from <= c.from && from+len(body) >= c.from+c.size {
				return true
			}
		}
	}
	return false
}

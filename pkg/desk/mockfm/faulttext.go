package mockfm

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String is a text from which ParseFault makes f.
func (f *Fault) String() string {
	kind := string(f.Kind)
	if f.Kind == Status {
		kind = strconv.Itoa(f.Status)
	}
	text := f.Place + "=" + kind
	usual, err := ParseFault(text)
	if err != nil {
		return text
	}
	var b strings.Builder
	b.WriteString(text)
	for _, n := range []struct {
		key        string
		has, usual int64
	}{{"skip", int64(f.Skip), int64(usual.Skip)}, {"times", int64(f.Times), int64(usual.Times)}, {"size", f.Size, usual.Size}, {"rate", f.Rate, usual.Rate}, {"nth", int64(f.Nth), int64(usual.Nth)}} {
		if n.has != n.usual {
			fmt.Fprintf(&b, ",%s=%d", n.key, n.has)
		}
	}
	for _, d := range []struct {
		key        string
		has, usual time.Duration
	}{{"delay", f.Delay, usual.Delay}, {"retry-after", f.RetryAfter, usual.RetryAfter}, {"at", f.At, usual.At}, {"for", f.For, usual.For}, {"by", f.By, usual.By}, {"sync", f.Sync, usual.Sync}, {"stall", f.Stall, usual.Stall}} {
		if d.has != d.usual {
			text := d.has.String()
			for _, zero := range []string{"m0s", "h0m"} {
				if strings.HasSuffix(text, zero) {
					text = text[:len(text)-2]
				}
			}
			fmt.Fprintf(&b, ",%s=%s", d.key, text)
		}
	}
	for _, s := range []struct{ key, has, usual string }{{"program", f.Program, usual.Program}, {"text", f.Text, usual.Text}, {"dir", f.Dir, usual.Dir}, {"addr", f.Addr, usual.Addr}} {
		if s.has != s.usual {
			b.WriteString("," + s.key + "=" + s.has)
		}
	}
	for word, op := range diskOps {
		if op == f.Op && op != usual.Op {
			b.WriteString(",op=" + word)
		}
	}
	for word, no := range errnos {
		if no == f.Errno && no != usual.Errno {
			b.WriteString(",errno=" + word)
		}
	}
	return b.String()
}

// left says, for a person, how often f is still to happen; the caller holds the
// lock. It is "over" once that is never.
func (f *Fault) left() string {
	wait := max(0, f.Skip-f.seen)
	times := f.Times - max(0, f.seen-f.Skip)
	switch {
	case f.Times > 0 && times <= 0:
		return "over"
	case f.Times == 0 && wait == 0:
		return "every time"
	case f.Times == 0:
		return fmt.Sprintf("every time, once %d more went well", wait)
	case wait == 0:
		return fmt.Sprintf("the next %d", times)
	}
	return fmt.Sprintf("%d times, once %d more went well", times, wait)
}

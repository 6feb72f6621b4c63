package campaign

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"payload-ipc/pkg/desk/sandbox"
	"payload-ipc/pkg/flight/window"
)

// Outcomes of a pass, from the best to the worst.
const (
	Complete = "complete" // the whole log of some moment of the pass came down, and is told so
	Partial  = "partial"  // a part, told as a part
	Nothing  = "nothing"  // no byte, and no claim to any
	Held     = "held"     // a program was alive when it had to be gone, in a sync that had not returned
	Overrun  = "overrun"  // a program was alive when it had to be gone
	Lost     = "lost"     // bytes that were durable are gone
	Lie      = "lie"      // something that is not what it claims
)

var outcomes = []string{Complete, Partial, Nothing, Held, Overrun, Lost, Lie}

// A Verdict is what a pass came to.
type Verdict struct {
	Outcome string
	Whole   bool     // a complete file came down, whatever else did
	Why     []string // of an outcome that is bad
	Could   bool     // a perfect client could have completed it
	Must    bool     // and a doubling timer would not have hindered it
	Spare   time.Duration
}

// judge says what the pass came to.
func (p *pass) judge() Verdict {
	v := Verdict{Outcome: Nothing}
	could := p.bound()
	v.Could, v.Must, v.Spare = could.could, could.must, could.spare
	lie := func(format string, args ...any) {
		v.Outcome = Lie
		v.Why = append(v.Why, fmt.Sprintf(format, args...))
	}
	better := func(outcome string) {
		if v.Outcome == Nothing || v.Outcome == Partial && outcome == Complete {
			v.Outcome = outcome
		}
	}
	for _, f := range p.results {
		if p.honest {
			p.judgeHonest(f, lie, better)
		} else {
			p.judgeOld(f, lie, better)
		}
		if _, whole := p.wholeFile(f); whole {
			v.Whole = true
		}
	}
	if p.honest && v.Outcome != Lie {
		for _, why := range p.lost() {
			v.Outcome, v.Why = Lost, append(v.Why, why)
		}
		for _, f := range p.results {
			f.judgeEnd("the server", f.serverGone, f.serverLate, f.serverSyncs, &v)
			if !f.killed && f.stuck() && !f.signed() && v.Outcome != Lost {
				v.Outcome, v.Why = Held, append(v.Why, f.run+": no receipt, the disk did not answer at the end")
			}
			f.judgeEnd("the fetcher", f.deadline.Add(-window.Margin), f.fetchLate, f.ended.Syncs, &v)
		}
	}
	return v
}

// wholeFile says whether f brought the log as it was at some moment of f.
func (p *pass) wholeFile(f *overlapResult) (body []byte, whole bool) {
	body, ok := f.files[logName]
	if !ok {
		return nil, false
	}
	// Without a receipt nothing says whether an empty file is an empty log, nor
	// one that ends where the outbox is full.
	if !p.honest && (len(body) == 0 || f.full(len(body))) {
		return body, false
	}
	at := f.opened
	if p.honest {
		at = p.results[0].opened // a part may have been begun in an earlier window
	}
	if len(body) == 0 { // right for a log that has just been begun
		for _, g := range p.journal.gens[1:] {
			whole = whole || g.born.After(at)
		}
		return body, whole
	}
	g, from := p.journal.whose(body)
	return body, g != nil && from == 0 && len(body) >= g.at(at)
}

// full says whether a file of size bytes leaves no page of the outbox free.
func (f *overlapResult) full(size int) bool {
	const page = 4096
	return f.Outbox > 0 && int64(size)+page > f.Outbox
}

// judgeHonest holds one window's files against receipt, exit code and oracle.
func (p *pass) judgeHonest(f *overlapResult, lie func(string, ...any), better func(string)) {
	told := map[string]bool{logName + ".receipt.json": true, "sabertooth-fetch.log": true, "sdr-serve.log": true}
	raw, signed := f.files[logName+".receipt.json"]
	var r receipt
	if signed {
		if err := json.Unmarshal(raw, &r); err != nil {
			lie("%s: a receipt that is no JSON: %v", f.run, err)
			return
		}
		if r.Run != f.run {
			lie("%s: receipt of run %q", f.run, r.Run)
		}
		p.judgeReceipt(f, r, told, lie)
	}
	for name, body := range f.files {
		if !strings.HasPrefix(name, logName) {
			continue
		}
		if strings.HasSuffix(name, ".receipt.json") && told[name] {
			continue
		}
		if strings.HasSuffix(name, ".receipt.json") { // of a run that was cut off before its own
			var late receipt
			if err := json.Unmarshal(body, &late); err != nil || late.SHA256 == nil || !p.came(f, *late.SHA256) {
				lie("%s: %s tells of a file that no window before it brought", f.run, name)
			}
			continue
		}
		if !told[name] && signed {
			lie("%s: %s is in the outbox and no receipt speaks of it", f.run, name)
		}
		if g, from := p.journal.whose(body); g == nil {
			lie("%s: %s has %d bytes that are of no one generation", f.run, name, len(body))
		} else if from != int(r.Offset) {
			lie("%s: %s begins at byte %d of its generation, told as %d", f.run, name, from, r.Offset)
		}
		if name != logName && !strings.HasSuffix(name, ".part") {
			lie("%s: a file called %s", f.run, name)
		}
	}
	_, named := f.files[logName]
	if _, whole := p.wholeFile(f); named && !whole {
		lie("%s: %s has the name of a whole file and is not one", f.run, logName)
	} else if named {
		better(Complete)
	} else if len(r.Sealed) > 0 || signed && r.Size > 0 || f.files[logName+".part"] != nil {
		better(Partial)
	}
	if f.killed || f.ended.End == sandbox.Killed {
		return
	}
	switch {
	case !signed && f.stuck(): // judged by its end
	case !signed && f.exit == 1 && (f.Outbox > 0 || f.Disk.Error != nil): // it did not fit, or could not be written
	case !signed:
		lie("%s: ended by itself (exit %d) without a receipt", f.run, f.exit)
	case r.Exit != f.exit:
		lie("%s: the receipt says exit %d, the process exit %d", f.run, r.Exit, f.exit)
	case r.Status == "complete" && f.exit == 1 && f.Disk.Error != nil: // the file is whole, its name may not last
	case (r.Status == "complete") != (f.exit == 0):
		lie("%s: status %s with exit %d", f.run, r.Status, f.exit)
	}
}

// judgeOld has no receipt to go by: a file under the log's own name claims to
// be the log. An empty one is not held against it.
func (p *pass) judgeOld(f *overlapResult, lie func(string, ...any), better func(string)) {
	body, whole := p.wholeFile(f)
	switch {
	case whole:
		better(Complete)
	case len(body) == 0:
	default:
		if g, from := p.journal.whose(body); g == nil {
			lie("%s: %d bytes that are of no one generation", f.run, len(body))
		} else {
			lie("%s: %d bytes from %d of a log of %d, under the name of the whole", f.run, len(body), from, g.at(f.opened))
		}
	}
}

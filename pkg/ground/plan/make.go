package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/tasking"
)

// draft is a plan in the making.
type draft struct {
	Plan
	facts  Facts
	pairs  []ListedPair
	halves []tasking.Window
}

// New makes the plan of s from what is known, with free to ask for times. For a
// dry run free is nil: nothing is asked, and the earliest start is taken. The
// error is a *SpecError, a *NoSlot, an *Absent, or one of free.
func New(s Spec, f Facts, free Calendar) (*Plan, error) {
	f.Now = f.Now.UTC()
	d := &draft{facts: f, Plan: Plan{
		Satellite: f.Satellite, Now: f.Now, Rate: s.UplinkRate, Spec: s,
		Uploads: []Upload{}, Passes: []Pass{}, Remove: []string{}, Warnings: []string{}, Notes: []string{},
	}}
	d.pairs, d.halves = SortPairs(f.Windows)
	if err := d.uploads(); err != nil {
		return nil, err
	}
	s = d.Spec // with what is aboard in the place of what would be sent
	d.compare()
	d.limit()
	d.judge()
	for _, p := range d.wanted() {
		d.Passes = append(d.Passes, d.listed(p))
	}
	if len(d.Passes) >= max(1, s.Repeat) {
		d.late()
		return &d.Plan, nil
	}
	if len(d.Passes) == 0 {
		if err := d.checkStart(); err != nil {
			return nil, err
		}
	}
	if free == nil {
		return &d.Plan, d.repeat(nil)
	}
	d.Asked = true
	d.others()
	if err := d.complete(free); err != nil {
		return nil, err
	}
	d.late()
	if err := d.repeat(free); err != nil {
		return nil, err
	}
	return &d.Plan, nil
}

func (d *draft) warn(format string, a ...any) {
	d.Warnings = append(d.Warnings, fmt.Sprintf(format, a...))
}
func (d *draft) note(format string, a ...any) { d.Notes = append(d.Notes, fmt.Sprintf(format, a...)) }

// Absent is an update of a version that is not aboard: the patch would have
// nothing to work on.
type Absent struct{ Why string }

func (e *Absent) Error() string { return e.Why }

// uploads finds what is aboard or on its way, and when all is expected.
func (d *draft) uploads() error {
	status := map[string]string{}
	count := map[string]int{}
	for _, u := range d.facts.Uploads {
		key := u.Payload + " " + u.Destination
		if u.Satellite != d.Satellite || !tasking.Live(u.Status) {
			continue
		}
		count[key]++
		if status[key] != uploaded { // of several to the same place the furthest counts
			status[key] = u.Status
			if u.Status == "" {
				status[key] = listed
			}
		}
	}
	// A copy: the plans of other satellites are made of the same spec.
	d.Spec.Artifacts = slices.Clone(d.Spec.Artifacts)
	sizes := map[string]int64{}
	for i := range d.Spec.Artifacts {
		a := &d.Spec.Artifacts[i]
		if own := status[a.Payload+" "+a.Destination()]; own == "" && a.Base == "" && !d.Spec.Whole && !d.Spec.SkipUpload {
			a.MadeBy = updateTo(status, *a, a.Whole(), true)
		}
		u := Upload{Artifact: *a, Destination: a.Destination()}
		key := u.Payload + " " + u.Destination
		u.Status = status[key]
		if d.Spec.SkipUpload {
			u.Status = uploaded
		} else if a.Base != "" {
			if !aboard(status[a.Payload+" "+a.Base]) && updateTo(status, *a, a.Base, false) == "" && d.facts.Asked {
				return &Absent{fmt.Sprintf("%s is an update of %s, which is not aboard yet; send the whole program, without --update-from", a.Program, a.Base)}
			}
		}
		if n := count[key]; n > 1 && !d.Spec.SkipUpload {
			d.warn("%s is listed %d times: %s each, for nothing; no call takes an upload back, the operator may", u.Program, n, u.Cost(d.Rate))
		}
		sizes[key] = a.Size
		d.Uploads = append(d.Uploads, u)
	}
	d.expect(sizes)
	return nil
}

func aboard(status string) bool { return status == uploaded || status == listed }

// updateTo is the destination of an update that makes, on a's payload, the
// program whose own is whole; "" if there is none aboard, nor on its way if
// that counts.
func updateTo(status map[string]string, a Artifact, whole string, onItsWay bool) string {
	found := ""
	for key, state := range status {
		destination, ok := strings.CutPrefix(key, a.Payload+" ")
		if ok && strings.HasPrefix(destination, whole+"-") && (aboard(state) || onItsWay) && (found == "" || destination < found) {
			found = destination
		}
	}
	return found
}

// expect gives each upload that is not aboard its day: behind what is listed
// and still to go up, in the listing's order.
func (d *draft) expect(sizes map[string]int64) {
	q := NewQueue(d.Now, d.Rate, d.Spec.contact())
	unknown := 0
	set := func(u *Upload) {
		if u.Expected.IsZero() && !u.Aboard() {
			a := q.Add(u.Size, u.Status)
			u.Days, u.Expected, u.soonest = a.Days, a.Expected, a.Soonest
		}
	}
	for _, l := range d.facts.Uploads {
		if l.Satellite != d.Satellite || !Waiting(l) || d.Spec.SkipUpload {
			continue
		}
		size := sizes[l.Payload+" "+l.Destination]
		if size == 0 {
			unknown++
			continue
		}
		first := true
		for i := range d.Uploads {
			u := &d.Uploads[i]
			if u.Payload == l.Payload && u.Destination == l.Destination && !u.Aboard() && u.Expected.IsZero() {
				set(u)
				first = false
			}
		}
		if first { // one more of the same
			q.Add(size, l.Status)
		}
	}
	for i := range d.Uploads {
		set(&d.Uploads[i])
	}
	if unknown > 0 && slices.ContainsFunc(d.Uploads, func(u Upload) bool { return !u.Aboard() }) {
		d.warn("%d further upload(s), whose size is not known here, are on their way to %s: what is expected may come later", unknown, d.Satellite)
	}
}

// contact is how long after its last byte could have gone up a file waits for
// the contact that takes it: 6 h at most (docs/platform.md). In a rehearsal, which
// an uplink faster than any satellite's gives away, contacts may be more
// frequent, and a shorter lead says so.
func (s Spec) contact() time.Duration {
	if s.UplinkRate < RehearsalRate {
		return ContactEvery
	}
	return min(ContactEvery, s.Lead)
}

// limit finds the earliest start that lead, uplink and buffers allow.
func (d *draft) limit() {
	atLeast := func(t time.Time, l Limit) {
		if t.After(d.Earliest) {
			d.Earliest, d.Limit = t, l
		}
	}
	for _, w := range d.Spec.Pass(d.Satellite, d.Now).Windows {
		// A window at now+x needs its buffer between now and then.
		atLeast(d.Now.Add(d.Now.Sub(w.Opens())), Limit{ByBuffer, w.Type})
	}
	if d.Spec.Start.IsZero() {
		atLeast(d.Now.Add(d.Spec.Lead), Limit{ByLead, Span(d.Spec.Lead)})
	}
	for _, u := range d.Uploads {
		if !u.Aboard() {
			atLeast(u.Expected, Limit{By: ByUplink})
		}
	}
	d.Earliest = ceil(d.Earliest)
}

func ceil(t time.Time) time.Time {
	if t.Nanosecond() > 0 {
		return t.Truncate(time.Second).Add(time.Second)
	}
	return t
}

// aloneFor is how long the fetcher's window may go on without the server's
// before a plan says so; the tutorial's does for 30 s.
const aloneFor = time.Minute

// judge says what the user should know before saying yes.
func (d *draft) judge() {
	s := d.Spec
	for _, text := range s.doubts() {
		d.warn("%s", text)
	}
	if s.Survey {
		return
	}
	if len(s.Files) > 1 {
		d.note("receipts are written last, all together: one path that is not there is looked for until the end of the fetcher's window, and with it all receipts wait; a power cut before takes them")
	}
	if o := s.Overlap(); o < WorthwhileOverlap {
		d.warn("the windows overlap for %s only; less than %s leaves no second for a late start", Span(o), Span(WorthwhileOverlap))
	}
	if rest := s.SDRDuration - s.FetchDelay - s.FetchDuration; rest > 0 {
		d.note("the fetcher's window ends first; the %s goes on serving for %s", s.from().Name, Span(rest))
	} else if -rest > aloneFor {
		d.note("the server's window ends first; in the %s that the fetcher's goes on nothing can come", Span(-rest))
	}
	for _, a := range s.SDR {
		if !payloadNet.Contains(a) {
			d.warn("%v is not in the payloads' network %v", a, payloadNet)
		}
	}
	if len(s.Allow) > 0 && len(s.to().Addrs) == 0 {
		d.warn("the %s's address is not documented: --allow may keep it out, and the pass would bring nothing", s.to().Name)
	}
	if s.HandOver {
		d.note("one program goes up for both: the %s takes it from the %s (--hand-over); the first time costs some seconds of overlap", s.to().Name, s.from().Name)
	}
	if !slices.ContainsFunc(d.Uploads, func(u Upload) bool { return !u.Aboard() }) {
		return
	}
	if s.contact() < ContactEvery {
		d.warn("with a lead of %s the uplink is expected to find a contact in that time; the documented wait is up to %s", Span(s.Lead), Span(ContactEvery))
	}
	d.note("an uplink day is %s, one upload after the other, and up to %s more until a contact", Bytes(d.Rate), Span(s.contact()))
}

// checkStart judges the user's own start, if there is one: before the uplink is
// through the windows would find no program, and be wasted.
func (d *draft) checkStart() error {
	s := d.Spec.Start
	if s.IsZero() {
		return nil
	}
	if !s.After(d.Now) {
		return bad("start", "%s is in the past (it is %s); give a later one", Stamp(s), Stamp(d.Now))
	}
	if s.Sub(d.Now) > maxAhead {
		return bad("start", "%s is more than a year away (it is %s); give an earlier one", Stamp(s), Stamp(d.Now))
	}
	if s.Before(d.Earliest) && d.Limit.By == ByUplink {
		// Without the wait for a contact it cannot be; with it, it may.
		if s.Before(d.Earliest.Add(-d.Spec.contact())) {
			return &NoSlot{fmt.Sprintf("%s comes before the programs do: the uplink needs until %s at %s a day; give a later --start, or the true --uplink-rate",
				Stamp(s), Stamp(d.Earliest), Bytes(d.Rate))}
		}
		d.warn("the programs may come too late: the uplink is sure to be through by %s only", Stamp(d.Earliest))
	}
	if s.Sub(d.Now) < d.Spec.Lead {
		d.warn("the start is sooner than the lead of %s: the windows may not reach the satellite in time", Span(d.Spec.Lead))
	}
	return nil
}

// late warns of windows that open before their program can be there.
func (d *draft) late() {
	for _, p := range d.Passes {
		for _, w := range p.Windows {
			need := Needs(tasking.Window{Type: w.Type, Executable: w.Executable, Args: w.Args})
			for _, u := range d.Uploads {
				if u.Destination == need && u.soonest.After(w.Start) && w.ID != "" {
					d.warn("%s", Late(w.ID, w.Type, w.Start, u.Program, u.soonest))
				}
			}
		}
	}
}

// Late says that a window opens before its program can be there.
func Late(id, typ string, start time.Time, program string, soonest time.Time) string {
	return fmt.Sprintf("window %s (%s at %s) needs %s, which cannot be there before %s",
		id, typ, Stamp(start), program, Stamp(soonest))
}

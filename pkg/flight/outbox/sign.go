package outbox

import "time"

// A Slip is a receipt on its way.
type Slip struct {
	Err error // why it was not published, or may not survive a power cut

	exit  int // that it tells of its run, -1 if that is an earlier one
	sheet sheet
	t     *Target
}

// Slip is the receipt r of NAME, called NAME.receipt.json. If an earlier run
// left a NAME and this one did not, it says so under "earlier".
func (t *Target) Slip(r *Receipt) *Slip {
	q := *r
	q.Name = t.name
	if !t.published[t.name] {
		q.earlier = t.earlier
	}
	p := NewSlip(t.name, &q)
	p.t = t
	return p
}

// NewSlip is the receipt r of a NAME of which the stage has nothing.
func NewSlip(name string, r *Receipt) *Slip {
	q := *r
	q.Name = name
	return &Slip{exit: r.Exit, sheet: sheet{name: name + receiptSuffix, data: q.Encode()}}
}

// Sign publishes receipts, which replace those of earlier runs: call it last.
// They are made durable together, and the outbox with their names once. all:
// every one is published.
func (s *Stage) Sign(slips []*Slip) (all bool) {
	var sheets []*sheet
	for _, p := range slips {
		h := s.sheet("", nil)
		p.sheet.tmp = h.tmp
		sheets = append(sheets, &p.sheet)
	}
	s.settle(sheets)
	for _, p := range slips {
		s.c.Gate.naming(Given{Receipt: true, Exit: p.exit})
		p.Err = p.sheet.publish(s)
	}
	err := diskError("sync", s.c.Outbox, s.syncDir(s.c.Outbox))
	all = true
	for _, p := range slips {
		if p.Err == nil {
			p.Err = err
		}
		if p.Err != nil {
			all = false
		} else if t := p.t; t != nil {
			for _, path := range t.receiptless {
				s.fs.Remove(path)
				s.untidy = true
			}
			t.receiptless = nil
		}
	}
	return all
}

// EndBatches forgets that what was published in batches had no receipts.
func (s *Stage) EndBatches() {
	for _, path := range s.journals {
		s.fs.Remove(path)
		s.untidy = true
	}
	s.journals = nil
}

// SignCost estimates how much longer Sign takes for so many receipts than for
// one (Cost), as far as the syncs of this stage have shown it.
func (s *Stage) SignCost(receipts int) time.Duration {
	return s.pace.cost(0, float64(receipts/atOnce))
}

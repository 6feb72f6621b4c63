package mockfm

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/ground/timeline"
)

// How much of a long life the page shows; the rest is counted.
const (
	shownUploads  = 6 // of one satellite, of those that are aboard
	shownPasses   = 4 // likewise, of those that are over
	shownFiles    = 40
	shownEvents   = 200
	shownContacts = 400
)

// A view is one moment of a Mock, as the page shows it. It says nothing of the
// present second, so that it stays the same while nothing happens: the page's
// script knows the time.
type view struct {
	Satellites []satelliteView
	Faults     []faultView
	Files      []listed // newest first
	AllFiles   int      // that came down
}

type satelliteView struct {
	ID, NORAD string
	Axis      timeline.Axis
	Ticks     []timeline.Place
	Contacts  []timeline.Place
	Uploads   []uploadView
	MoreUps   int // aboard for longer
	Windows   []timeline.Place
	Passes    []passView // as inOrder has them
	MorePass  int
}

type uploadView struct {
	Payload, Path, Name, ID, Status string
	Size, Sent                      int64
	Asked, Aboard                   time.Time // Aboard is expected unless the status is UPLOADED, zero if never
	Bar                             timeline.Place
	Filled                          timeline.Percent
}

type faultView struct{ Spec, Left string }

// look takes the view.
func (m *Mock) look() (view, error) {
	files, err := m.files.list()
	if err != nil {
		return view{}, err
	}
	var v view
	for _, f := range files {
		if !strings.HasSuffix(f.Key, "/") { // a date folder
			v.Files = append(v.Files, f)
		}
	}
	v.AllFiles = len(v.Files)
	slices.SortStableFunc(v.Files, func(a, b listed) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(path.Base(b.Key), path.Base(a.Key)))
	})
	v.Files = v.Files[:min(len(v.Files), shownFiles)]
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.faults {
		v.Faults = append(v.Faults, faultView{f.String(), f.left()})
	}
	for _, s := range m.satellites {
		v.Satellites = append(v.Satellites, m.lookAt(s))
	}
	return v, nil
}

func (m *Mock) lookAt(s *satellite) satelliteView {
	v := satelliteView{ID: s.ID, NORAD: s.NORAD}
	next := m.contact(m.contacts + 1)
	v.Axis.Grow(next)
	v.Uploads, v.MoreUps = m.lookAtUploads(s, next)
	for _, u := range v.Uploads {
		v.Axis.Grow(u.Asked, u.Aboard)
	}
	var passes [][]*window
	passes, v.MorePass = m.passes(s)
	for _, p := range passes {
		v.Axis.Grow(p[0].asked, p[len(p)-1].end)
	}
	if len(v.Uploads)+len(passes) == 0 {
		v.Axis.Grow(m.contact(m.contacts))
	}
	v.Axis.Grow(v.Axis.To.Add(v.Axis.Length() / 64)) // room for the last window's mark
	v.Ticks = v.Axis.Marks()
	first := int64(v.Axis.From.Sub(m.epoch)/m.cfg.ContactEvery) + 1
	last := int64(v.Axis.To.Sub(m.epoch) / m.cfg.ContactEvery)
	for n := max(1, first); n <= last && last-first < shownContacts; n++ {
		c := timeline.Place{From: timeline.Share(v.Axis.At(m.contact(n))), At: m.contact(n)}
		if n > m.contacts {
			c.Class = "due"
		}
		v.Contacts = append(v.Contacts, c)
	}
	for i := range v.Uploads {
		u := &v.Uploads[i]
		until := u.Aboard
		if until.IsZero() {
			until = v.Axis.To
		}
		u.Bar = v.Axis.Place(u.Asked, until)
	}
	for _, p := range inOrder(passes) {
		pass := m.lookAtPass(p)
		v.Passes = append(v.Passes, pass)
		mark := v.Axis.Place(p[0].start, p[len(p)-1].end)
		mark.Text, mark.Class = pass.ID, p[0].phase
		v.Windows = append(v.Windows, mark)
	}
	return v
}

// lookAtUploads has those under way and the last ones that are aboard.
func (m *Mock) lookAtUploads(s *satellite, next time.Time) (shown []uploadView, more int) {
	budget := m.uplinkBudget()
	var ahead int64 // bytes to send before and with this one
	for _, u := range m.uploads {
		if u.satellite != s.ID {
			continue
		}
		v := uploadView{Payload: u.payload.name, Path: u.path, Name: path.Base(u.path), ID: u.id, Status: u.status,
			Size: u.size, Sent: u.sent, Asked: u.asked, Aboard: u.aboard, Filled: timeline.Share(1)}
		if u.size > 0 {
			v.Filled = timeline.Share(float64(u.sent) / float64(u.size))
		}
		if u.status != Uploaded && budget > 0 {
			ahead += u.size - u.sent
			v.Aboard = next.Add(time.Duration(max(0, ahead-1)/budget) * m.cfg.ContactEvery)
		}
		shown = append(shown, v)
	}
	aboard := 0
	for _, u := range shown {
		if u.Status == Uploaded {
			aboard++
		}
	}
	more = max(0, aboard-shownUploads)
	drop := more
	shown = slices.DeleteFunc(shown, func(u uploadView) bool {
		drop--
		return u.Status == Uploaded && drop >= 0
	})
	return shown, more
}

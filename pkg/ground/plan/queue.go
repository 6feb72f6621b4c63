package plan

import (
	"time"

	"payload-ipc/pkg/ground/tasking"
)

const (
	uploaded = "UPLOADED" // the state of one that is aboard
	listed   = "listed"   // stands for a state that the API left empty
)

// Queue tells when uploads are expected: they go up one after the other, in the
// order of the listing, and each then waits for a contact. The API tells of one
// that has begun neither how far it is nor since when.
type Queue struct {
	now     time.Time
	rate    int64 // bytes a day
	contact time.Duration
	days    float64 // if what has begun has only just
	least   float64 // if what has begun is all but through
	unknown bool    // something of unknown size is ahead
}

// NewQueue is an empty one at rate bytes a day. contact is how long what has
// gone up can wait for the pass that takes it to its payload.
func NewQueue(now time.Time, rate int64, contact time.Duration) *Queue {
	return &Queue{now: now, rate: max(1, rate), contact: contact}
}

// Arrival is when an upload is at its payload.
type Arrival struct {
	Days     float64   // of uplink, for itself
	Expected time.Time // at the latest; zero if its size, or that of one before it, is not known
	Soonest  time.Time // at the earliest
}

// Add puts an upload of size bytes (0: not known) and this state of the API at
// the end.
func (q *Queue) Add(size int64, status string) Arrival {
	a := Arrival{Days: float64(size) / float64(q.rate)}
	q.days += a.Days
	if status == "" || status == "PENDING" {
		q.least += a.Days
	}
	if q.unknown = q.unknown || size <= 0; !q.unknown {
		a.Expected = q.now.Add(duration(q.days) + q.contact).Truncate(time.Second)
	}
	a.Soonest = q.now.Add(duration(q.least)).Truncate(time.Second)
	return a
}

// duration is n days, bounded so that an absurd rate cannot overflow.
func duration(n float64) time.Duration {
	return time.Duration(min(n, 36500) * float64(Day)).Round(time.Second)
}

// Waiting reports whether u is still to go up.
func Waiting(u tasking.Upload) bool { return u.Status != uploaded && tasking.Live(u.Status) }

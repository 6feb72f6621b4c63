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
// order of the listing, and each then waits for a contact.
type Queue struct {
	now     time.Time
	rate    int64 // bytes a day
	contact time.Duration
	days    float64
	unknown bool // something of unknown size is ahead
}

// NewQueue is an empty one at rate bytes a day. contact is how long what has
// gone up can wait for the pass that takes it to its payload.
func NewQueue(now time.Time, rate int64, contact time.Duration) *Queue {
	return &Queue{now: now, rate: max(1, rate), contact: contact}
}

// Add puts an upload of size bytes at the end and returns its days of uplink
// and the time by which it is expected; zero if size, or that of one before it,
// is not known (0).
func (q *Queue) Add(size int64) (days float64, expected time.Time) {
	days = float64(size) / float64(q.rate)
	q.days += days
	q.unknown = q.unknown || size <= 0
	if q.unknown {
		return days, time.Time{}
	}
	return days, q.now.Add(duration(q.days) + q.contact).Truncate(time.Second)
}

// duration is n days, bounded so that an absurd rate cannot overflow.
func duration(n float64) time.Duration {
	return time.Duration(min(n, 36500) * float64(Day)).Round(time.Second)
}

// Waiting reports whether u is still to go up.
func Waiting(u tasking.Upload) bool { return u.Status != uploaded && tasking.Live(u.Status) }

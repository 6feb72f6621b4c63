package fetch

import (
	"net/netip"
	"time"

	"payload-ipc/pkg/flight/outbox"
)

// A Kind says what an Event is about.
type Kind uint8

// The kinds of events, and the fields that come with them.
const (
	Trying    Kind = iota // From
	Answered              // From, Path, Status: the head of an answer
	Failed                // From, Path, Class, Err: an attempt
	Waiting               // Path, Wait: until the next attempt
	Progress              // Path, Done, Total (-1 unknown)
	BadPiece              // Path, Done: a piece did not match its digest
	Resuming              // Path, Done: bytes that an earlier run left
	Changed               // Path, Done: another generation of the file is there now
	Refused               // Path, Err: for good
	Listed                // Path, Done: number of files
	DiskError             // Path, Err
	Ending                // the work is over, publishing begins
	Published             // Path, Name, Done, Total
	Receipted             // Path, Name, Status: the exit code; Err: the reason
)

// An Event is something worth knowing while a run goes on. Nothing in it but
// Err and Path comes from outside; Err never carries bytes from the wire.
type Event struct {
	Kind        Kind
	From        netip.AddrPort
	Path, Name  string
	Class       string
	Status      int
	Done, Total int64
	Wait        time.Duration
	Err         error
}

// tell tells how far something has come.
func (r *run) tell(k Kind, j *job, done, total int64) {
	r.f.Events(Event{Kind: k, Path: j.Path.Path, Done: done, Total: total})
}

// published tells that p has its name.
func (r *run) published(j *job, p *outbox.Published, total int64) {
	r.f.Events(Event{Kind: Published, Path: j.Path.Path, Name: p.Name, Done: p.Size, Total: total})
}

func (r *run) diskError(j *job, err error) { r.trouble(DiskError, j.Path.Path, err) }

func (r *run) trouble(k Kind, path string, err error) {
	r.f.Events(Event{Kind: k, Path: path, Err: err})
}

package plan

import "time"

// RunStart is when the server's window of a run begins, as the run's name says;
// ok is false for a name that somebody else chose.
func RunStart(run string) (start time.Time, ok bool) {
	start, _, ok = parseRun(run)
	return start, ok
}

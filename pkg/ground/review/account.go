package review

import (
	"fmt"

	"payload-ipc/pkg/ground/plan"
)

// An account follows a run's bytes from the server to the bucket.
type account struct {
	Sent      int64 // by the server, -1 if its log does not tell
	Received  int64 // by the fetcher, -1 if nothing tells
	Published int64
	Attempts  int64 // -1 if nothing tells
	Errors    map[string]int64
	Why       []string // they differ
}

func (r *Run) account() account {
	a := account{Sent: -1, Errors: map[string]int64{}}
	for _, it := range r.Items {
		if it.late {
			a.Why = []string{"The run was cut off before its receipts: what it received, and in how many attempts, nothing tells."}
		}
		if rc := it.Receipt; rc != nil {
			a.Received += rc.BytesReceived
			if rc.Unchanged == nil {
				a.Published += rc.Size
			}
			a.Attempts += rc.Attempts
			for class, n := range rc.Errors {
				a.Errors[class] += n
			}
		}
	}
	for _, l := range r.Logs {
		if l.Program == serverLog {
			a.Sent = sent(l)
		}
	}
	if len(a.Why) > 0 {
		a.Received, a.Attempts = -1, -1
		return a
	}
	if extra := a.Sent - a.Received; a.Sent >= 0 && extra > 0 {
		a.Why = append(a.Why, fmt.Sprintf("%s bytes were sent and not taken: the fetcher asks each address of the server for the first piece and goes on with the one that answers first; what the other sends is for nothing, and so is what is under way when a connection breaks.", plan.Grouped(extra)))
	}
	switch extra := a.Received - a.Published; {
	case extra > 0:
		a.Why = append(a.Why, fmt.Sprintf("%s bytes were taken and not published: they came twice, were read to prove a continuation, or could not be proven.", plan.Grouped(extra)))
	case extra < 0:
		a.Why = append(a.Why, fmt.Sprintf("%s bytes that were published had come in an earlier window.", plan.Grouped(-extra)))
	}
	return a
}

// sent is what the server's last line sums up, or else the sum of its lines.
func sent(log *Log) int64 {
	sum := 0.0
	for _, l := range log.Lines {
		n, ok := l.Number("bytes")
		if ok && l.Message == "done" {
			return int64(n)
		}
		if ok {
			sum += n
		}
	}
	return int64(sum)
}

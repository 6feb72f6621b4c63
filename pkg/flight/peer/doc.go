// Package peer asks a machine that has several addresses, and may not be there
// yet, for things over HTTP: candidates side by side, connections and their
// clocks, the pace of retries, silence, one request and its answer.
//
// It knows neither files nor disks, and what an answer proves is not its
// business: that is pkg/flight/fetch, which asks with a Request and a Tally and
// gets an Answer, the body of which comes as a Stream, or a Fault.
package peer

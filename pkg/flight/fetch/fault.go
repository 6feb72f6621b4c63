package fetch

import (
	"time"

	"payload-ipc/pkg/flight/peer"
)

var (
	// errChanged: what the peer has now is not what is held.
	errChanged = &peer.Fault{Class: "changed", Text: "the file changed on the peer"}
	// errRangeMismatch: an answer that cannot be placed; one try without Range follows.
	errRangeMismatch = &peer.Fault{Class: "protocol", Text: "the answer does not fit the range that was asked for"}
	// errDoubt: Content-Range has no meaning in a 200 (RFC 9110 section 14.4).
	errDoubt = &peer.Fault{Class: "protocol", Text: "a 200 with a Content-Range, also without Range: it may be a part", Final: true}
	// errDigest: also the digest of the same piece asked again did not match.
	errDigest = &peer.Fault{Class: "digest", Text: "a piece does not match its digest"}
	errSlow   = &peer.Fault{Class: "slow", Text: "too slow for the time left; trying a fresh connection"}
	// errChangedAgain was counted when the file changed.
	errChangedAgain = &peer.Fault{Class: "changed", Text: "the file keeps changing on the peer", Counted: true}
	// errEmptyNow: a log is empty for an instant where it is truncated to be
	// rotated (copytruncate).
	errEmptyNow = &peer.Fault{Class: "empty", Text: "the file is empty at this instant", After: emptyAgain, Counted: true}
	errNothing  = peer.Protocol("the answers bring nothing new")
	errUnlisted = &peer.Fault{Class: "listing", Text: "no listing has it any more", Final: true}
	errCapped   = &peer.Fault{Class: "max-bytes", Text: "--max-bytes was reached", Final: true}
)

const (
	emptyAgain = 250 * time.Millisecond
	emptyFor   = 3 * emptyAgain
)

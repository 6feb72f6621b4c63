package serve

import (
	"net/netip"
	"time"
)

// A Kind says what an Event is about.
type Kind uint8

const (
	Answered Kind = iota // a request was answered to its last byte
	Cut                  // an answer was begun and not finished; the connection was reset
	Refused              // a connection was turned away: Status 403 not allowed, 503 no room, 0 reset without a word
	Broken               // the server has a fault; Err tells which
)

// An Event is something that the owner of a Server may want to log. Method,
// Path and Range are bytes from the wire: escape them.
type Event struct {
	Kind   Kind
	Peer   netip.AddrPort
	Method string // empty where the request line could not be read
	Path   string // decoded and cleaned
	Range  string // the Range field, where it counted
	Status int
	Bytes  int64         // of the body: handed to the kernel, for Cut those the peer has acknowledged
	At     int64         // for Cut: offset in the file, or in the body where it is not one range of a file, of the first byte missing
	Took   time.Duration // from the end of the request head
	Err    string        // why it was refused or cut; no bytes from the wire
}

// A Summary counts what a Server did.
type Summary struct {
	Requests int64 // answered or cut, refused connections not included
	Bytes    int64 // of bodies
	Clients  int   // different peer addresses, up to maxClients
	Refused  int64 // connections turned away
	Cut      int64 // answers not finished
}

// maxClients bounds what a run remembers of its peers.
const maxClients = 1024

package mockfm

import (
	"encoding/json"
	"path"
	"strings"
	"time"
)

// A payload computer as docs/platform.md describes it.
type payload struct {
	name                   string
	before, after, minimum time.Duration
	addrs                  []string // the first is the one the tutorial uses
	kernel, machine        string   // as uname tells them
}

var payloads = []payload{
	{"SDR", 120 * time.Second, 210 * time.Second, 30 * time.Second, []string{"10.2.1.8", "10.2.1.12"}, "4.14.0", "aarch64"},
	{"SABERTOOTH", 180 * time.Second, 210 * time.Second, 30 * time.Second, []string{"10.2.1.10"}, "4.9.140", "aarch64"},
	{"IPI", 120 * time.Second, 210 * time.Second, 30 * time.Second, []string{"10.2.1.16"}, "4.14.0", "aarch64"},
	{"DEXTER", 220 * time.Second, 265 * time.Second, 0, []string{"10.2.1.14"}, "4.6.0", "armv7l"}, // address not documented
}

const windowPrefix = "PAYLOAD_"

// findPayload takes SDR as well as PAYLOAD_SDR; nil if there is none.
func findPayload(name string) *payload {
	name = strings.TrimPrefix(name, windowPrefix)
	for i := range payloads {
		if payloads[i].name == name {
			return &payloads[i]
		}
	}
	return nil
}

type satellite struct {
	ID, NORAD string
}

// States of uploads and windows (docs/platform.md, Tasking API).
const (
	Pending   = "PENDING"
	Uploading = "UPLOADING"
	Uploaded  = "UPLOADED"

	PendingSync = "PENDING_SYNC"
	Synced      = "SYNCED"
)

type upload struct {
	listing
	id, satellite string
	payload       *payload
	path          string // destination, absolute and clean
	executable    bool
	size, sent    int64
	status        string
	asked         time.Time
	aboard        time.Time // when the last byte was sent up
	delivered     bool      // on the payload's file system
}

// Phases of a window's life that the API does not tell.
const (
	waiting = "waiting"
	running = "open"
	over    = "over"
	missed  = "missed"
)

type window struct {
	listing
	id, satellite string
	payload       *payload
	start, end    time.Time
	state         string
	phase         string
	asked         time.Time
	parameters    json.RawMessage
	command       command
	outcome       string // for a person, once it ran
}

type command struct {
	Executable string   `json:"executable"`
	Arguments  []string `json:"executable_arguments"`
}

// busyFrom and busyTo bound the time the payload is taken: window and buffers.
func (w *window) busyFrom() time.Time { return w.start.Add(-w.payload.before) }
func (w *window) busyTo() time.Time   { return w.end.Add(w.payload.after) }

// readOnly are mounts of the system in every payload: never an upload
// destination (docs/platform.md, Running user code).
var readOnly = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "proc", "sys", "dev", "var", "home"}

// destination cleans an upload's path; false if nothing may go there.
func destination(p string) (string, bool) {
	if !path.IsAbs(p) || strings.HasSuffix(p, "/") || strings.ContainsRune(p, 0) {
		return "", false
	}
	p = path.Clean(p)
	first, rest, _ := strings.Cut(p[1:], "/")
	if first == "" || rest == "" && (first == "inbox" || first == "outbox" || first == "persist") {
		return "", false
	}
	for _, d := range readOnly {
		if first == d {
			return "", false
		}
	}
	return p, true
}

// allAddrs are those of every payload.
func allAddrs() (all []string) {
	for _, p := range payloads {
		all = append(all, p.addrs...)
	}
	return all
}

// plainFlags tells our own agents what a root of their own would.
func plainFlags(program, root string) []string {
	outbox := root + "/outbox"
	switch base := path.Base(program); {
	case strings.HasPrefix(base, "sdr-serve"):
		return []string{"--root=" + root, "--log=" + outbox + "/sdr-serve.log"}
	case strings.HasPrefix(base, "sabertooth-fetch"):
		return []string{"--from=127.0.0.1:10101", "--outbox=" + outbox, "--stage=" + root + "/persist/var/sabertooth-fetch", "--log=" + outbox + "/sabertooth-fetch.log"}
	}
	return nil
}

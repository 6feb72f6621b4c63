package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"payload-ipc/pkg/ground/plan"
)

// Release is a row of the table of releases: what was sent as what
// (docs/release.md).
type Release struct {
	Version, Commit, Program string
	Bytes                    int64
	SHA256                   string // hex, of what is sent
}

// Releases reads the table; one that is not there has no rows.
func Releases(file string) (out []Release, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the table of releases: %w", err)
	}
	for i, line := range strings.Split(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) < 7 {
			return nil, fmt.Errorf("%s:%d: %d columns, want 7 (version, commit, toolchain, processor, program, bytes, sha256)", file, i+1, len(f))
		}
		n, err := strconv.ParseInt(f[5], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %q is no number of bytes", file, i+1, f[5])
		}
		out = append(out, Release{Version: f[0], Commit: f[1], Program: f[4], Bytes: n, SHA256: f[6]})
	}
	return out, nil
}

// Aboard is one program of ours on a payload, or on its way there.
type Aboard struct {
	Satellite   string   `json:"satellite"`
	Payload     string   `json:"payload"`
	Program     string   `json:"program"`
	Destination string   `json:"destination"`
	Status      string   `json:"status"`
	Version     string   `json:"version,omitempty"` // of the release that it is, if it is one
	Commit      string   `json:"commit,omitempty"`
	Bytes       int64    `json:"bytes,omitempty"`
	Windows     []string `json:"windows"` // ids of those that need it and are not over

	Built  bool    `json:"built"`            // it is what is built here
	Update *Update `json:"update,omitempty"` // from it to what is built here
}

// Update is what it costs to make of a program aboard the one that is built here,
// by the updates that are.
type Update struct {
	Version string  `json:"version"` // as --update-from takes it
	Bytes   int64   `json:"bytes"`
	Days    float64 `json:"days"`
}

// price tells of each program how it stands to what is built here, at rate bytes
// a day. There are updates for arm64 only.
func price(list []Aboard, built []plan.Way, rate int64) {
	for i := range list {
		a := &list[i]
		if p, ok := plan.PayloadNamed(a.Payload); !ok || p.Arch != "arm64" {
			continue
		}
		is := func(destination string) bool {
			return a.Destination == destination || strings.HasPrefix(a.Destination, destination+"-")
		}
		for _, w := range built {
			for _, x := range w.Artifacts {
				switch {
				case x.Program != a.Program:
				case is(x.Whole()):
					a.Built, a.Update = true, nil
				case x.Base != "" && is(x.Base) && !a.Built && (a.Update == nil || x.Size < a.Update.Bytes):
					a.Update = &Update{w.Version, x.Size, float64(x.Size) / float64(max(1, rate))}
				}
			}
		}
	}
}

// destinations are those of our programs: name, hash of what runs, and of an
// update a further one of its own.
var destinations = regexp.MustCompile(`^/persist/bin/(sdr-serve|sabertooth-fetch|payload)-([0-9a-f]{8})(?:-[0-9a-f]{8})?$`)

// Aboard lists our programs on the satellites. Those that no window needs are
// there for nothing, or for a window that is over. built is what Ways found here,
// rate the uplink's, in bytes a day.
func (g *Ground) Aboard(ctx context.Context, satellites []string, releases []Release, built []plan.Way, rate int64) ([]Aboard, error) {
	ups, err := g.API.Uploads(ctx)
	if err != nil && !noUploads(err) {
		return nil, err
	}
	lists := make([][]Aboard, len(satellites))
	errs := make([]error, len(satellites))
	g.each(satellites, func(i int, sat string) {
		windows, err := g.API.Windows(ctx, sat)
		if err != nil {
			errs[i] = err
			return
		}
		for _, u := range ups {
			m := destinations.FindStringSubmatch(u.Destination)
			if u.Satellite != sat || m == nil {
				continue
			}
			a := Aboard{Satellite: sat, Payload: u.Payload, Program: m[1], Destination: u.Destination, Status: u.Status, Windows: []string{}}
			for _, r := range releases {
				if r.Program == a.Program && strings.HasPrefix(r.SHA256, m[2]) {
					a.Version, a.Commit, a.Bytes = r.Version, r.Commit, r.Bytes
				}
			}
			for _, w := range windows {
				if plan.Needs(w) == u.Destination && w.End().After(g.API.Now()) {
					a.Windows = append(a.Windows, w.ID)
				}
			}
			lists[i] = append(lists[i], a)
		}
	})
	out := []Aboard{}
	for _, l := range lists {
		out = append(out, l...)
	}
	price(out, built, rate)
	return out, errors.Join(errs...)
}

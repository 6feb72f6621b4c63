package deploy

import (
	"context"
	"fmt"
	"slices"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/tasking"
)

// Fleet is what the API says about all satellites at once.
type Fleet struct {
	Satellites map[string]tasking.Satellite
	Order      []string // as the API lists them

	uploads []tasking.Upload
}

// Look asks for the satellites and, unless they do not matter, the uploads.
func (g *Ground) Look(ctx context.Context, uploads bool) (*Fleet, error) {
	sats, err := g.API.Satellites(ctx)
	if err != nil {
		return nil, err
	}
	f := &Fleet{Satellites: map[string]tasking.Satellite{}}
	for _, s := range sats {
		if _, twice := f.Satellites[s.ID]; !twice {
			f.Order = append(f.Order, s.ID)
		}
		f.Satellites[s.ID] = s
	}
	if uploads {
		if f.uploads, err = g.API.Uploads(ctx); err != nil {
			if noUploads(err) {
				return nil, fmt.Errorf("%w; an API without uploads, as a MockFM's, needs --skip-upload", err)
			}
			return nil, err
		}
	}
	return f, nil
}

// noUploads reports whether err says that the API knows no uploads.
func noUploads(err error) bool {
	s := tasking.StatusOf(err)
	return s == 404 || s == 405 || s == 501
}

// Check says why satellite cannot take the windows of spec.
func (f *Fleet) Check(spec plan.Spec, satellite string) error {
	s, ok := f.Satellites[satellite]
	if !ok {
		return &Unknown{fmt.Sprintf("satellite %s is unknown to this token; ground satellites lists those that it may use", satellite)}
	}
	for _, w := range spec.WindowTypes() {
		if len(s.Windows) > 0 && !slices.Contains(s.Windows, w) { // none: not told
			return &Unknown{fmt.Sprintf("satellite %s takes no %s window; ground satellites lists what each takes", satellite, w)}
		}
	}
	return nil
}

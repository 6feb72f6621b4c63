package date_test

import (
	"testing"
	"time"

	"payload-ipc/pkg/flight/date"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		layout, in string
		want       string // RFC 3339, empty for refused
		rest       string
	}{
		{"DD NNN YYYY hh:mm:ss", "06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37Z", " GMT"},
		{"NNN dD hh:mm:ss YYYY", "Nov  6 08:49:37 1994", "1994-11-06T08:49:37Z", ""},
		{"NNN dD hh:mm:ss YYYY", "Nov 16 08:49:37 1994", "1994-11-16T08:49:37Z", ""},
		{"NNN dD hh:mm:ss YYYY", "Nov 06 08:49:37 1994", "", ""},
		{"NNN dD hh:mm:ss YYYY", "Nov  0 08:49:37 1994", "", ""},
		{"DD-NNN-YY", "29-Feb-00", "0000-02-29T00:00:00Z", ""},
		{"DD-NNN-YY", "29-Feb-01", "", ""},
		{"DD-NNN-YY", "01-anF-01", "", ""}, {"DD-NNN-YY", "01-jan-01", "", ""}, {"DD-NNN-YY", "00-Jan-01", "", ""},
		{"DD-NNN-YY", "01-Dec-0", "", ""}, {"DD-NNN-YY", "1 -Dec-01", "", ""}, {"DD-NNN-YY", "01/Dec/01", "", ""}, {"DD-NNN-YY", "", "", ""},
	} {
		got, rest, ok := date.Parse(c.layout, c.in)
		if ok != (c.want != "") || ok && (got.Format(time.RFC3339) != c.want || rest != c.rest) {
			t.Errorf("%q by %q: got %v %q %v", c.in, c.layout, got, rest, ok)
		}
	}
}

// Package time is the judge of what a time means, and of what is one where it
// would write it so itself.
func FuzzParseRFC3339(f *testing.F) {
	for _, s := range []string{
		"2026-12-04T18:34:14Z", "2026-12-04T18:34:14.5+01:00", "2026-12-04T18:34:14.999999999999-23:59", "0000-01-01T00:00:00Z",
		"2026-12-04T18:34:14+24:00", "2026-12-04T18:34:14+23:60", "2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-12-04t18:34:14z",
		"2026-12-04 18:34:14Z", "2026-12-04T8:34:14Z", "2026-12-04T18:34:14,5Z", "2026-12-04T18:34:14.Z", "2026-12-04T18:34:60Z",
		"2026-12-04T24:00:00Z", "2026-13-04T18:34:14Z", "2026-00-04T18:34:14Z", "2026-12-04T18:34:14", "2026-12-04T18:34:14.5", "",
		"2026-12-04T18:34:14+01:00Z", "2026-12-04T18:34:14 01:00", "2026-12-04T18:34:14+0100", "2026-12-04T18:34:14.", "+2026-12-04T18:34:14Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := date.ParseRFC3339(s)
		want, err := time.Parse(time.RFC3339, s)
		if ok && (err != nil || !got.Equal(want) || got.Location() != time.UTC) {
			t.Fatalf("%q: got %v, want %v %v", s, got, want, err)
		}
		if !ok && err == nil && want.UTC().Format("2006-01-02T15:04:05.999999999Z") == s {
			t.Fatalf("%q is a time", s)
		}
	})
}

func TestParseRFC3339(t *testing.T) {
	for s, want := range map[string]bool{
		"2026-12-04T18:34:14Z": true, "2026-12-04T18:34:14.5+01:00": true, "2026-12-04T18:34:14.999999999999-23:59": true, "2024-02-29T00:00:00Z": true,
		"2026-12-04T18:34:14+24:00": false, "2026-12-04T18:34:14+23:60": false, "2026-02-29T00:00:00Z": false, "2026-12-04T8:34:14Z": false,
		"2026-12-04T18:34:14,5Z": false, "2026-12-04T18:34:14.Z": false, "2026-12-04T18:34:60Z": false, "2026-12-04T24:00:00Z": false,
		"2026-12-04T18:34:14": false, "2026-12-04T18:34:14.5": false, "2026-12-04T18:34:14+01:00Z": false, "2026-12-04T18:34:14 01:00": false, "": false,
	} {
		if got, ok := date.ParseRFC3339(s); ok != want {
			t.Errorf("%q: got %v %v", s, got, ok)
		}
	}
}

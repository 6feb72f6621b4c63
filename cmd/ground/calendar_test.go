package main

import (
	"context"
	"strings"
	"testing"
	"time"
)

// The start is the first at which both windows are free, with their buffers
// where that is possible.
func TestCalendar(t *testing.T) {
	dir := artifacts(t)
	base := time.Now().Add(24 * time.Hour).Unix() // about the lead
	const hour = 3600
	always := func(a, b int64) [][2]int64 { return [][2]int64{{a, b}} }
	only := func(from ...[2]int64) func(a, b int64) [][2]int64 {
		return func(a, b int64) (out [][2]int64) {
			for _, f := range from {
				if lo, hi := max(a, base+f[0]), min(b, base+f[1]); lo < hi {
					out = append(out, [2]int64{lo, hi})
				}
			}
			return out
		}
	}
	for _, tt := range []struct {
		name      string
		sdr, sab  func(a, b int64) [][2]int64
		args      []string
		code      int
		from, to  int64  // the start, seconds after base
		says, not string // in the output
	}{
		{name: "always free", sdr: always, sab: always, from: 0, to: 60},
		{name: "the SDR later", sdr: only([2]int64{5 * hour, 6 * hour}), sab: always, from: 5*hour + 120, to: 5*hour + 120, not: "buffers do not"},
		{name: "the SABERTOOTH later", sdr: always, sab: only([2]int64{5 * hour, 6 * hour}), from: 5*hour + 150, to: 5*hour + 150},
		{name: "days later", sdr: only([2]int64{1, 100}, [2]int64{100 * hour, 101 * hour}), sab: always, from: 100*hour + 120, to: 100*hour + 120},
		{name: "over the end of a search", sdr: only([2]int64{24*hour - 300, 24*hour + 300}), sab: only([2]int64{24*hour - 300, 24*hour + 300}), from: 24*hour - 150, to: 24*hour - 150},
		{name: "never together", sdr: only([2]int64{hour, 2 * hour}), sab: only([2]int64{3 * hour, 4 * hour}), code: 4, says: "no time in the 14 days"},
		{name: "never", sdr: only(), sab: always, code: 4, says: "no time in the 14 days"},
		{name: "only the bare windows", sdr: only([2]int64{hour, hour + 60}), sab: only([2]int64{hour + 30, hour + 90}), from: hour, to: hour, says: "their buffers do not"},
		{name: "own start", sdr: always, sab: always, args: []string{"--start", "+30h"}, from: 6 * hour, to: 6*hour + 60},
		{name: "own start taken", sdr: only([2]int64{8 * hour, 9 * hour}), sab: always, args: []string{"--start", "+30h"}, code: 4, says: "the next time that is: --start"},
		{name: "own start never", sdr: only(), sab: always, args: []string{"--start", "+30h"}, code: 4, says: "neither is the day after"},
		{name: "own start within the lead", sdr: always, sab: always, args: []string{"--start", "+12h"}, from: -12 * hour, to: -12*hour + 60, says: "sooner than the lead"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScript(t)
			s.free = func(typ string, a, b int64) [][2]int64 {
				if typ == "PAYLOAD_SDR" {
					return tt.sdr(a, b)
				}
				return tt.sab(a, b)
			}
			o := s.ground(t, context.Background(), append(append([]string{"deploy", "--artifacts", dir}, tt.args...), "-", "FM1")...)
			if o.code != tt.code {
				t.Fatalf("exit %d, want %d\n%s", o.code, tt.code, o.all())
			}
			if !strings.Contains(o.all(), tt.says) || tt.not != "" && strings.Contains(o.all(), tt.not) {
				t.Errorf("want it to say %q and not %q:\n%s", tt.says, tt.not, o.all())
			}
			if tt.code != 0 {
				if s.count("POST upload")+s.count("POST window") != 0 {
					t.Errorf("sent something: %q", s.calls)
				}
				return
			}
			start := int64(s.windows()[0]["start"].(float64)) - base
			if start < tt.from || start > tt.to {
				t.Errorf("starts at %d, want %d to %d", start, tt.from, tt.to)
			}
			if d := s.windows()[1]["start"].(float64) - s.windows()[0]["start"].(float64); d != 30 {
				t.Errorf("the fetcher starts %v s later", d)
			}
		})
	}
}

// Another version of the programs is sent where it differs, and the pair of the
// old one is told of.
func TestNewVersion(t *testing.T) {
	s := newScript(t)
	dir := artifacts(t)
	s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
	rewrite(t, dir, "sabertooth-fetch", "#!/bin/sh\n# newer\n")
	o := s.ground(t, context.Background(), "deploy", "--artifacts", dir, "--start", "+50h", "-", "FM1")
	if n := s.count("POST upload"); o.code != 0 || n != 3 || strings.Count(o.out, "another deployment stays: windows ") != 1 {
		t.Errorf("exit %d, %d uploads\n%s", o.code, n, o.all())
	}
}

package main

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// Of the same words every verb makes the same token and satellites: what has the
// form of a satellite's id is one, and goes to no server as a token.
func TestTokenAndSatellites(t *testing.T) {
	t.Parallel()
	s := newScript(t, "FM1", "FM2")
	dir := artifacts(t)
	verbs := map[string][]string{
		"plan": {"--artifacts", dir}, "deploy": {"--artifacts", dir}, "survey": {"--dry-run=false"}, "slots": nil,
		"status": nil, "cancel": {"--dry-run"}, "aboard": nil,
	}
	for verb, flags := range verbs {
		for _, words := range [][]string{{"FM1"}, {"-", "FM1"}, {token, "FM1"}} {
			o := s.ground(t, context.Background(), slices.Concat([]string{verb}, flags, words)...)
			if o.code != 0 {
				t.Errorf("%s %q: exit %d\n%s", verb, words, o.code, o.err)
			}
		}
		o := s.ground(t, context.Background(), slices.Concat([]string{verb}, flags, []string{"FM7"})...)
		if o.code != 3 || !strings.Contains(o.err, "satellite FM7 is unknown to this token") {
			t.Errorf("%s FM7: exit %d\n%s", verb, o.code, o.err)
		}
	}
	for _, words := range [][]string{{}, {"-"}, {token}} {
		if o := s.ground(t, context.Background(), append([]string{"satellites"}, words...)...); o.code != 0 {
			t.Errorf("satellites %q: exit %d\n%s", words, o.code, o.err)
		}
	}
	if o := s.ground(t, context.Background(), "satellites", "FM1"); o.code != 2 {
		t.Errorf("satellites FM1: exit %d\n%s", o.code, o.err)
	}
	asked := len(s.calls)
	for verb, flags := range verbs {
		for _, tt := range []struct {
			words  []string
			at, is string
		}{
			{[]string{"fm1"}, "1", "FM1"}, {[]string{"Fm1", "FM2"}, "1", "FM1"}, {[]string{"-", "fm2"}, "2", "FM2"},
			{[]string{token, "fm1"}, "2", "FM1"}, {[]string{"FM1", "fM2"}, "2", "FM2"}, {[]string{"--dry-run", "fm1"}, "1", "FM1"}, {[]string{"--dry-run", "FM1", "fm2"}, "2", "FM2"},
		} {
			if tt.words[0] == "--dry-run" && verb != "deploy" && verb != "survey" && verb != "plan" {
				continue
			}
			o := s.ground(t, context.Background(), slices.Concat([]string{verb}, flags, tt.words)...)
			want := "ground " + verb + ": argument " + tt.at + " is no satellite's id, which has capital letters (did you mean " + tt.is + "?)\n"
			if o.code != 2 || o.err != want || o.out != "" {
				t.Errorf("%s %q: exit %d, want 2 and %q\n%s", verb, tt.words, o.code, want, o.all())
			}
		}
	}
	if o := s.ground(t, context.Background(), "status", "tok1", "FM1"); strings.Contains(o.err, "capital letters") {
		t.Errorf("a token was taken for a satellite: exit %d\n%s", o.code, o.all())
	}
	if len(s.calls) != asked+1 {
		t.Errorf("the API was asked %q", s.calls[asked:])
	}
	for _, words := range [][]string{{"FM1", "FM2"}, {"-", "FM1", "FM2"}} {
		if o := s.ground(t, context.Background(), append([]string{"status"}, words...)...); o.code != 0 || !strings.Contains(o.out, "FM1 at ") || !strings.Contains(o.out, "FM2 at ") {
			t.Errorf("status %q: exit %d\n%s", words, o.code, o.all())
		}
	}
}

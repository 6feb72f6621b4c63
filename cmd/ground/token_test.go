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
	for _, words := range [][]string{{"FM1", "FM2"}, {"-", "FM1", "FM2"}} {
		if o := s.ground(t, context.Background(), append([]string{"status"}, words...)...); o.code != 0 || !strings.Contains(o.out, "FM1 at ") || !strings.Contains(o.out, "FM2 at ") {
			t.Errorf("status %q: exit %d\n%s", words, o.code, o.all())
		}
	}
}

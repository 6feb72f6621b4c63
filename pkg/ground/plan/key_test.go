package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/sign"
)

// Both windows of a run get the same key, which is HMAC-SHA-256 of the run
// under the token (openssl says the same); another run has another one.
func TestKeyOfARun(t *testing.T) {
	const want = "dff90e682b279cd3c518b6b66add5d2e36c608545015aaa146eb94e930a0da38"
	start := time.Unix(1763900000, 0)
	keyOf := func(w Window) string {
		i := slices.Index(w.Args, "--key")
		if i < 0 {
			t.Fatalf("no key in %q", w.Args)
		}
		return w.Args[i+1]
	}
	for name, s := range map[string]Spec{"pair": tutorial(), "hand-over": tutorial(handover)} {
		s.Key, s.Token = true, "tok"
		pass := s.Pass("FM1", start)
		for _, w := range pass.Windows {
			if got := keyOf(w); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
			if _, err := sign.ParseKey(keyOf(w)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			// Nothing that is shown of it has the key.
			b, err := json.Marshal(w)
			for _, text := range []string{string(b), Command(w)} {
				if err != nil || strings.Contains(text, want) || !strings.Contains(text, "***") {
					t.Errorf("%s: %v, %s", name, err, text)
				}
			}
			if keyOf(w) != want {
				t.Errorf("%s: it was taken out of what is sent, too", name)
			}
		}
		p := Plan{Satellite: "FM1", Now: start, Spec: s, Rate: 125_000, Passes: []Pass{pass}}
		var out strings.Builder
		p.Draw(&out, 80)
		b, _ := json.Marshal(&p)
		for _, text := range []string{out.String(), string(b), string(p.SVG())} {
			if strings.Contains(text, want) || strings.Contains(text, "tok\"") {
				t.Errorf("%s: the key is told: %s", name, text)
			}
		}
		if later := s.Pass("FM1", start.Add(time.Second)); keyOf(later.Windows[0]) == want {
			t.Errorf("%s: two runs have one key", name)
		}
		s.Token = ""
		if got := keyOf(s.Pass("FM1", start).Windows[0]); got != "***" {
			t.Errorf("%s: on paper: got %s", name, got)
		}
		s.Key = false
		if got := fmt.Sprint(s.Pass("FM1", start)); strings.Contains(got, "--key") {
			t.Errorf("%s: without a key: %s", name, got)
		}
	}
}

// With a key and without are two specs; the keys of two runs are no difference.
func TestKeyIsPartOfTheWish(t *testing.T) {
	with, without := tutorial(), tutorial()
	with.Key, with.Token = true, "tok"
	listed := with.Pass("FM1", time.Unix(1763900000, 0)).Windows
	meant := with.Pass("FM1", time.Unix(1763990000, 0)).Windows
	plain := without.Pass("FM1", time.Unix(1763990000, 0)).Windows
	for i := range listed {
		w := listedWindow(listed[i], "1")
		if !meant[i].is(w) || plain[i].is(w) {
			t.Errorf("window %d: the same spec: %v, want true; without a key: %v, want false", i, meant[i].is(w), plain[i].is(w))
		}
	}
}

// The plan tells that the key, and not the network alone, decides who may read.
func TestReadersOfAKey(t *testing.T) {
	for key, want := range map[bool]string{true: "who has this run's key, from the payloads' network ", false: "the payloads' network "} {
		if got := (Spec{Key: key}).readers(); !strings.HasPrefix(got, want) {
			t.Errorf("with a key %v: got %q", key, got)
		}
	}
}

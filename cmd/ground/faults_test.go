package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/desk/mockfm"
)

var (
	calls = []fault{
		{call: "GET satellites"}, {call: "GET uploads"}, {call: "GET windows"}, {call: "GET availability"},
		{call: "POST upload"}, {call: "POST upload", skip: 1},
		{call: "POST window"}, {call: "POST window", skip: 1},
		{call: "GET windows", skip: 1},
	}
	passing   = []string{"lost-before", "lost-after", "half", "429", "500", "503", "502-after", "slow-before", "slow-after", "numbers"}
	refusing  = []string{"401", "403", "404", "409", "422", "redirect"}
	confusing = []string{"html", "html-after", "big", "types"}
)

// honest checks what must hold after every run: both windows or none, or the
// orphan named, and a code that agrees.
func honest(t tb, s *script, o sight) {
	have := s.scheduled()
	switch {
	case o.code == 0 && len(have) != 2:
		t.Errorf("exit 0, scheduled %v", have)
	case o.code != 0 && len(have) != 0:
		for _, id := range have {
			if !strings.Contains(o.err, id) && !strings.Contains(o.err, "id unknown") {
				t.Errorf("exit %d, and %s is scheduled without a word:\n%s", o.code, id, o.all())
			}
		}
		if o.code != 1 || !strings.Contains(o.err, "ground cancel --api "+s.URL+" - FM1 --") {
			t.Errorf("exit %d, want 1 and the command that cleans up:\n%s", o.code, o.err)
		}
	}
}

// Each call fails in each way, once and for ever. Afterwards everything works
// again, and a second run must make exactly one pair of it.
func TestEveryCallFails(t *testing.T) {
	dir := artifacts(t)
	for _, c := range calls {
		for _, kind := range append(append(append([]string{}, passing...), refusing...), confusing...) {
			for _, times := range []int{1, 0} {
				f := c
				f.kind, f.times = kind, times
				t.Run(fmt.Sprintf("%s %d %s x%d", f.call, f.skip, kind, times), func(t *testing.T) {
					t.Parallel()
					s := newScript(t)
					s.faults = []*fault{&f}
					if times == 0 {
						s.patience = time.Second
					}
					if strings.HasPrefix(kind, "slow") {
						s.try = time.Second
						s.patience *= 3
					}
					o := s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
					honest(t, s, o)
					last := f.call == "GET windows" && f.skip == 1 // everything is done by then
					switch {
					case last && !contains(passing, kind) && times == 0, last:
						if o.code != 0 {
							t.Errorf("exit %d although both windows are scheduled:\n%s", o.code, o.err)
						}
					case contains(passing, kind) && (times == 1 || kind == "numbers"):
						if o.code != 0 {
							t.Errorf("exit %d after a passing fault, want 0:\n%s", o.code, o.err)
						}
					case contains(refusing, kind) && kind != "409":
						if o.code != 3 {
							t.Errorf("exit %d, want 3:\n%s", o.code, o.err)
						}
					case strings.HasPrefix(f.call, "POST") && strings.HasSuffix(kind, "-after") && o.code == 0:
						// found in the listing each time
					case times == 1 && o.code == 0:
						// an answer that cannot be read is looked up and repeated
					case times == 0 && strings.HasPrefix(f.call, "POST") && kind == "half" && o.code == 0:
					case o.code != 1 && o.code != 3:
						t.Errorf("exit %d, want 1 or 3:\n%s", o.code, o.all())
					}
					if o.code != 0 && !strings.HasPrefix(o.err[strings.LastIndex(strings.TrimRight(o.err, "\n"), "\n")+1:], "ground deploy: ") {
						t.Errorf("the last line is no sentence of ours: %q", o.err)
					}
					if n := s.count("POST window"); times == 1 && n > 3 {
						t.Errorf("%d POSTs of windows", n)
					}

					s.recover()
					o = s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
					if got := s.scheduled(); o.code != 0 || len(got) != 2 {
						t.Errorf("second run: exit %d, scheduled %v\n%s", o.code, got, o.all())
					}
					if len(s.uploads()) != 2 {
						t.Errorf("%d uploads, want 2", len(s.uploads()))
					}
					before := s.count("POST window") + s.count("POST upload")
					o = s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
					if n := s.count("POST window") + s.count("POST upload"); o.code != 0 || n != before || !strings.Contains(o.out, "already") {
						t.Errorf("third run: exit %d, %d further POSTs\n%s", o.code, n-before, o.all())
					}
				})
			}
		}
	}
}

func contains(l []string, s string) bool {
	for _, x := range l {
		if x == s {
			return true
		}
	}
	return false
}

// When the second window fails for good, the first is deleted; when that fails
// too, the output has the command.
func TestTakingBackFails(t *testing.T) {
	dir := artifacts(t)
	for _, second := range []string{"422", "500", "lost-before", "lost-after", "502-after"} {
		for _, del := range []string{"", "404", "500", "403", "lost-before", "lost-after", "html"} {
			for _, list := range []string{"", "500"} {
				t.Run(fmt.Sprintf("second %s delete %s list %s", second, del, list), func(t *testing.T) {
					t.Parallel()
					s := newScript(t)
					s.patience = time.Second
					s.faults = []*fault{{call: "POST window", skip: 1, kind: second}, {call: "DELETE window", kind: del}}
					if list != "" {
						s.faults = append(s.faults, &fault{call: "GET windows", skip: 1, kind: list})
					}
					o := s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1")
					after := strings.HasSuffix(second, "-after")
					if after && list == "" {
						if o.code != 0 {
							t.Errorf("exit %d, want 0: the listing has the second window\n%s", o.code, o.err)
						}
						return
					}
					honest(t, s, o)
					gone := del == "" || del == "lost-after"
					if got := s.scheduled(); gone && !after && len(got) != 0 {
						t.Errorf("left %v", got)
					}
					if !gone && o.code != 1 {
						t.Errorf("exit %d, want 1", o.code)
					}
					// The commands are exact: they do it, once the API is well.
					s.recover()
					_, by, _ := strings.Cut(strings.TrimSpace(o.err), "remove it by hand: ")
					for _, cmd := range strings.Split(by, " ; ") {
						if words := strings.Fields(cmd); len(words) > 1 {
							s.ground(t, context.Background(), words[1:]...)
						}
					}
					if got := s.scheduled(); len(got) != 0 {
						t.Errorf("left %v after %q", got, by)
					}
				})
			}
		}
	}
}

func TestUnknownStates(t *testing.T) {
	dir := artifacts(t)
	s := newScript(t)
	s.state = "HAZY"
	for range 2 {
		if o := s.ground(t, context.Background(), "deploy", "--artifacts", dir, "-", "FM1"); o.code != 0 || len(s.scheduled()) != 2 {
			t.Fatalf("exit %d, %v\n%s", o.code, s.scheduled(), o.all())
		}
	}
	if o := s.ground(t, context.Background(), "status", "-"); o.code != 0 || strings.Count(o.out, "HAZY") != 4 {
		t.Errorf("exit %d, want the state shown four times:\n%s", o.code, o.all())
	}
}

// A POST that a proxy repeats makes two windows of one: the second goes.
func TestScheduledTwice(t *testing.T) {
	for skip := range 2 {
		s := newScript(t)
		s.mock.AddFault(mockfm.Fault{Place: "window", Kind: mockfm.Twice, Skip: skip, Times: 1})
		o := s.ground(t, context.Background(), "deploy", "--artifacts", artifacts(t), "-", "FM1")
		if got := s.scheduled(); o.code != 0 || len(got) != 2 || !strings.Contains(o.out, "which is there twice") {
			t.Errorf("exit %d, scheduled %v\n%s", o.code, got, o.all())
		}
	}
}

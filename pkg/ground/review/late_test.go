package review

import (
	"crypto/sha256"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
)

// A file whose receipt a later run wrote, or vouches for because it is
// unchanged, is judged by what came down: one item a name of a run, and nothing
// of the later run's clock in the earlier one.
func TestLateAndUnchanged(t *testing.T) {
	const s1, s2, s3 = "20261120T043229Z_", "20261123T043229Z_", "20261124T043229Z_"
	late := func(run, name, content string) string {
		return receipt(run, name, "complete", content, set("clock", "untrusted"), set("bytes_received", 0), set("attempts", 0),
			set("started", "2026-11-23T04:31:00Z"), set("finished", "2026-11-23T04:31:00Z"),
			set("reason", "complete: no receipt of that run is known to this stage"))
	}
	same := func(run, name, content, by string) string {
		return receipt(run, name, "complete", content, set("unchanged", by), set("bytes_received", 0), set("reason", "whatever the text is"))
	}
	const one, other = "content", "another"
	own := receipt("one", "a", "complete", one, set("started", "2026-11-20T04:31:00Z"), set("finished", "2026-11-20T04:31:20Z"))
	failed := receipt("one", "a", "failed", "", set("sha256", nil), set("reason", "nobody answered"))
	for _, tt := range []struct {
		name string
		keys map[string]string // without their directory
		want string            // RUN@LAST=verdict(item=verdict ...), joined
		why  string            // in one item's
		not  string            // in no item's why or note
		get  string            // FILE<KEY, joined
		all  Verdict
	}{
		{name: "unchanged, with the late receipt", keys: map[string]string{s1 + "a": one, s2 + "a.one.receipt.json": late("one", "a", one), s2 + "a.receipt.json": same("two", "a", one, "one")},
			want: "one@20=partial(a=delivered =missing) two@23=delivered(a=delivered)", why: "unchanged, came down with run one", not: "clock was not set",
			get: "one/a<" + s1 + "a two/a<" + s1 + "a", all: Partial},
		{name: "unchanged, the late receipt is not there", keys: map[string]string{s1 + "a": one, s2 + "a.receipt.json": same("two", "a", one, "one")},
			want: "two@23=delivered(a=delivered)", why: "unchanged, came down with run one", get: "two/a<" + s1 + "a"},
		{name: "unchanged, the file is not there", keys: map[string]string{s2 + "a.receipt.json": same("two", "a", one, "one")},
			want: "two@23=missing(a=missing)", why: "published by run one, whose file is not here", not: "later contact", all: Missing},
		{name: "unchanged, another file is there", keys: map[string]string{s1 + "a": other, s2 + "a.receipt.json": same("two", "a", one, "one")},
			want: "=partial(a=partial) two@23=missing(a=missing)", why: "published by run one, whose file is not here", all: Missing},
		{name: "unchanged, of a run without a name", keys: map[string]string{s1 + "a": one, s2 + "a.earlier.receipt.json": late("", "a", one), s2 + "a.receipt.json": same("", "a", one, "")},
			want: "@23=delivered(a=delivered a=delivered)", why: "unchanged, came down with an earlier run without a name", get: "%/a<" + s1 + "a"},
		{name: "unchanged, of two with these bytes the run's own", keys: map[string]string{s1 + "a": one, s1 + "a.receipt.json": own, s2 + "a": one, s2 + "a.receipt.json": receipt("b", "a", "complete", one), s3 + "a.receipt.json": same("two", "a", one, "one")},
			want: "one@20=delivered(a=delivered) b@23=delivered(a=delivered) two@24=delivered(a=delivered)", why: "came down with run one",
			get: "one/a<" + s1 + "a b/a<" + s2 + "a two/a<" + s1 + "a"},
		{name: "unchanged, in the same outbox", keys: map[string]string{s1 + "a": one,
			s1 + "a.receipt.json": receipt("two", "a", "complete", one, set("unchanged", "one"), set("earlier", map[string]any{"name": "a", "size": len(one), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(one)))}))},
			want: "two@20=delivered(a=delivered)", why: "came down with run one", not: "older piece", get: "two/a<" + s1 + "a"},
		{name: "changed since", keys: map[string]string{s1 + "a": one, s2 + "a.one.receipt.json": late("one", "a", one), s2 + "a": other, s2 + "a.receipt.json": receipt("two", "a", "complete", other)},
			want: "one@20=partial(a=delivered =missing) two@23=delivered(a=delivered)", not: "clock was not set", get: "one/a<" + s1 + "a two/a<" + s2 + "a", all: Partial},
		{name: "both receipts and the file", keys: map[string]string{s1 + "a": one, s1 + "a.receipt.json": own, s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=delivered(a=delivered)", not: "clock was not set", get: "one/a<" + s1 + "a"},
		{name: "both receipts, no file", keys: map[string]string{s1 + "a.receipt.json": own, s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=missing(a=missing)", not: "clock was not set", all: Missing},
		{name: "both receipts, the same bytes of another run", keys: map[string]string{s1 + "a": one, s1 + "a.receipt.json": own, s2 + "a.one.receipt.json": late("one", "a", one), s2 + "a": one, s2 + "a.receipt.json": receipt("two", "a", "complete", one)},
			want: "one@20=delivered(a=delivered) two@23=delivered(a=delivered)", get: "one/a<" + s1 + "a two/a<" + s2 + "a"},
		{name: "its own says that nothing came, the late one has the file", keys: map[string]string{s1 + "a": one, s1 + "a.receipt.json": failed, s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=partial(a=delivered =missing)", get: "one/a<" + s1 + "a", all: Partial},
		{name: "its own says that nothing came, and there is no file", keys: map[string]string{s1 + "a.receipt.json": failed, s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=missing(a=missing)", why: "nobody answered", all: Missing},
		{name: "its own is of other bytes, and the file is there", keys: map[string]string{s1 + "a": one, s1 + "a.receipt.json": receipt("one", "a", "complete", other), s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=partial(a=delivered =missing)", get: "one/a<" + s1 + "a", all: Partial},
		{name: "a late receipt alone, twice", keys: map[string]string{s2 + "a.one.receipt.json": late("one", "a", one), s3 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@23=missing(a=missing =missing)", all: Missing},
		{name: "a late receipt without its file does not move the run", keys: map[string]string{s1 + "b": one, s1 + "b.receipt.json": receipt("one", "b", "complete", one), s2 + "a.one.receipt.json": late("one", "a", one)},
			want: "one@20=partial(a=missing b=delivered)", all: Partial, get: "one/b<" + s1 + "b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := map[string]string{}
			for k, v := range tt.keys {
				keys[dir+k] = v
			}
			fakeS3(t, keys)
			rep := reviewAll(t, Choice{})
			var runs, said []string
			for _, r := range rep.Runs {
				var items []string
				for _, it := range r.Items {
					items = append(items, it.Name+"="+it.Verdict.String())
					said = append(append(said, it.Why), it.Notes...)
				}
				id := r.ID
				if items[0] != "a=partial" { // what is nobody's
					id += fmt.Sprint("@", r.Last.Day())
				}
				runs = append(runs, fmt.Sprintf("%s=%v(%s)", id, r.Verdict, strings.Join(items, " ")))
			}
			if got := strings.Join(runs, " "); got != tt.want || rep.Verdict != tt.all {
				t.Errorf("%v: got %q, want %v: %q", rep.Verdict, got, tt.all, tt.want)
			}
			if text := strings.Join(said, "; "); !strings.Contains(text, tt.why) || tt.not != "" && strings.Contains(text, tt.not) {
				t.Errorf("got %q, want %q in it, and not %q", text, tt.why, tt.not)
			}
			var get []string
			for _, d := range rep.Downloads("") {
				get = append(get, d.File+"<"+path.Base(d.Key))
			}
			slices.Sort(get)
			want := strings.Fields(tt.get)
			slices.Sort(want)
			if !slices.Equal(get, want) {
				t.Errorf("get brings %q, want %q", get, want)
			}
		})
	}
}

// The window and the words of a run are its own, not those of the one that
// wrote a receipt for it late; and bytes of another run are not published by this.
func TestLateMovesNoTimes(t *testing.T) {
	const s1, s2 = "20261120T043229Z_", "20261123T043229Z_"
	fakeS3(t, map[string]string{
		dir + s1 + "a": "x", dir + s1 + "b": "yy",
		dir + s1 + "b.receipt.json":     receipt("one", "b", "complete", "yy", set("started", "2026-11-20T04:31:00Z"), set("finished", "2026-11-20T04:31:20Z")),
		dir + s2 + "a.one.receipt.json": receipt("one", "a", "complete", "x", set("clock", "trusted"), set("bytes_received", 0)),
		dir + s2 + "c.one.receipt.json": receipt("one", "c", "complete", "zzz", set("clock", "trusted"), set("bytes_received", 0)),
		dir + s2 + "a.receipt.json":     receipt("two", "a", "complete", "x", set("unchanged", "one"), set("bytes_received", 0)),
	})
	rep := reviewAll(t, Choice{})
	if len(rep.Runs) != 2 {
		t.Fatalf("%d runs", len(rep.Runs))
	}
	_, fetch := rep.Runs[0].times()
	at := time.Date(2026, 11, 20, 4, 31, 0, 0, time.UTC)
	if !fetch.first.Equal(at) || !fetch.last.Equal(at.Add(20*time.Second)) || !fetch.shut.Equal(at.Add(89*time.Second)) {
		t.Errorf("words from %v to %v, taken %v", fetch.first, fetch.last, fetch.shut)
	}
	if a := rep.Runs[1].account(); a.Published != 0 || len(a.Why) > 0 {
		t.Errorf("run two published %d bytes: %q", a.Published, a.Why)
	}
}

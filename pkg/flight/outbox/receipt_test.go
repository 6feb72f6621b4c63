package outbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// example is that of docs/receipt.md; its bytes are invented, its form is not.
func example() *Receipt {
	pieces := make([][32]byte, 3)
	for i := range pieces {
		pieces[i] = sha256.Sum256([]byte{byte(i)})
	}
	return &Receipt{
		Run: "fm1-1763900000", Name: "sdr_syslog", Source: "http://10.2.1.8:10101/var/log/syslog",
		Server: "sdr-serve/1.0", Status: "partial", Size: 2_400_000, Total: 5_242_880,
		SHA256:   "cdb1c2d04ec7ca80b3d4c2bbfb02fff7f6fb53c8f7f2b9ff0a19a73f6ce3b9cd",
		Verified: VerifiedDigest, Generation: "1f3a-500000-9c0ffee1", Attempts: 14,
		Errors:        map[string]int64{"timeout": 1, "refused": 11, "reset": 1},
		BytesReceived: 2_412_288,
		Started:       time.UnixMilli(1763900000031), Finished: time.UnixMilli(1763900058204),
		ClockTrusted: true, Exit: 3,
		Reason: "the window ended before everything was there: the link went 31 s before the end and did not come back",
		Pieces: pieces, PieceSize: 1 << 20, LineEnd: 2_399_961, NULs: NULs{Runs: 1, Bytes: 4096, First: 1_048_000},
	}
}

// The example of the documentation is what the program writes, and every key
// it can write is explained there.
func TestReceiptDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/receipt.md")
	check(t, err)
	_, rest, _ := strings.Cut(string(doc), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	if got := string(example().Encode()); got != strings.ReplaceAll(text, "\n", "")+"\n" {
		t.Errorf("docs/receipt.md: got\n%s\nwant\n%s", text, got)
	}
	for key := range schema(t)["properties"].(map[string]any) {
		if !bytes.Contains(doc, []byte("`"+key+"`")) {
			t.Errorf("docs/receipt.md says nothing about %q", key)
		}
	}
}

func TestReceiptSchema(t *testing.T) {
	full := example()
	full.Offset = 100
	full.Sealed = []Published{{Name: "sdr_syslog.part", Size: 5, SHA256: sha256.Sum256(nil)}}
	full.earlier = &Published{Name: "sdr_syslog", Size: 7, SHA256: sha256.Sum256(nil)}
	full.Unchanged = new(string) // of a run without a name: it is there
	full.Archive = &Archive{Members: 1000, Missing: 1}
	complete := example()
	complete.Status, complete.Exit, complete.Total = "complete", 0, -1
	cases := map[string]*Receipt{
		"example":  example(),
		"all keys": full,
		"complete": complete,
		"failed":   {Name: "x", Status: "failed", Total: -1, Exit: 4, Reason: "nobody answered"},
		"many":     many(50),
		"worst":    worst(),
	}
	s := schema(t)
	for name, r := range cases {
		var v any
		b := r.Encode()
		if err := json.Unmarshal(b, &v); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b)
			continue
		}
		for _, e := range violations(s, s, v, "") {
			t.Errorf("%s: %s\n%s", name, e, b)
		}
		if name == "all keys" {
			// Of an archive no lines are told.
			if got, want := len(v.(map[string]any))+1, len(s["properties"].(map[string]any)); got != want {
				t.Errorf("all keys: got %d, want %d", got, want)
			}
		}
		if len(b) >= MaxReceipt {
			t.Errorf("%s: %d bytes", name, len(b))
		}
		if again := r.Encode(); !bytes.Equal(b, again) {
			t.Errorf("%s: the second encoding differs", name)
		}
	}
	// The schema must be able to say no.
	for _, bad := range []string{
		`{}`, `[]`, strings.Replace(string(example().Encode()), `"exit":3`, `"exit":2`, 1),
		strings.Replace(string(example().Encode()), `"partial"`, `"failed"`, 1),
		strings.Replace(string(example().Encode()), `"run"`, `"ran"`, 1),
		strings.Replace(string(example().Encode()), `,"piece_size":1048576`, ``, 1),
	} {
		var v any
		check(t, json.Unmarshal([]byte(bad), &v))
		if len(violations(s, s, v, "")) == 0 {
			t.Errorf("the schema accepts %s", bad)
		}
	}
}

// The order is that of docs/contract.md, "sabertooth-fetch", additions behind.
func TestReceiptOrder(t *testing.T) {
	dec := json.NewDecoder(bytes.NewReader(example().Encode()))
	var got []string
	for depth, key := 0, true; ; {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		switch d, isDelim := tok.(json.Delim); {
		case isDelim && (d == '{' || d == '['):
			depth++
			key = true
		case isDelim:
			depth--
			key = true
		case depth == 1 && key:
			got, key = append(got, tok.(string)), false
		case depth == 1:
			key = true
		}
	}
	want := strings.Fields(`version run name source server status size total sha256 verified generation
		attempts errors bytes_received started finished clock exit reason pieces piece_size line_end nuls`)
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func many(pieces int) *Receipt {
	r := example()
	r.Pieces = make([][32]byte, pieces)
	return r
}

// worst is as long as anything can be made.
func worst() *Receipt {
	const top = 1 << 62
	long := strings.Repeat("\xff\x00\u2028\"", 3000)
	r := &Receipt{
		Run: long, Name: strings.Repeat("\u2028", 80) + "aa", Source: long, Server: long, Status: "partial",
		Size: top, Total: top, SHA256: strings.Repeat("a", 64), Verified: VerifiedOverlap, Generation: long,
		Attempts: top, Errors: map[string]int64{}, BytesReceived: top, Exit: 3, Reason: long,
		Pieces: make([][32]byte, 16), PieceSize: top, Offset: top, LineEnd: top, NULs: NULs{top, top, top},
		Sealed:  make([]Published, 40),
		earlier: &Published{Name: strings.Repeat("\u2028", 80) + "aa", Size: top}, Unchanged: &long,
		Archive: &Archive{Members: top, Missing: top, Changed: top, LeftOut: top},
	}
	for i := range 1000 {
		r.Errors[fmt.Sprint(i, long)] = 1 << 50
	}
	return r
}

// What is cut, and what stays.
func TestReceiptFits(t *testing.T) {
	get := func(r *Receipt) (m map[string]any) {
		check(t, json.Unmarshal(r.Encode(), &m))
		return m
	}
	if m := get(many(16)); len(m["pieces"].([]any)) != 16 || m["piece_size"] == nil {
		t.Error("16 pieces fit, but are not there")
	}
	if m := get(many(20)); len(m["pieces"].([]any)) != 0 || m["piece_size"] != nil || m["server"] != "sdr-serve/1.0" {
		t.Error("20 pieces do not fit: all of them go, and nothing else")
	}
	w := worst()
	m := get(w)
	if m["name"] != w.Name {
		t.Errorf("the name was cut: %q", m["name"])
	}
	if s := m["reason"].(string); !strings.HasSuffix(s, "...") || len(s) < 10 {
		t.Errorf("reason: got %q", s)
	}
	sum := 0.0
	for _, n := range m["errors"].(map[string]any) {
		sum += n.(float64)
	}
	if sum != 1000*(1<<50) {
		t.Errorf("errors: the sum is %v", sum)
	}
	var names []string
	for n := range maps.Keys(get(&Receipt{Errors: map[string]int64{"b": 1, "a": 2}})["errors"].(map[string]any)) {
		names = append(names, n)
	}
	if len(names) != 2 {
		t.Errorf("errors: got %q", names)
	}
}

// The judge of our strings is encoding/json.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", `"\`, "\x00\x1f\x7f\u0080\u009f\u2028\u2029", "\xff\xc0ü€😀", "</script>&"} {
		f.Add(s, 1000)
		f.Add(s, 8)
	}
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = max(3, min(most, 10_000))
		j := &object{}
		j.string(s, most)
		if len(j.b)-2 > most || !utf8.Valid(j.b) {
			t.Fatalf("%q: %d bytes of JSON, at most %d", s, len(j.b)-2, most)
		}
		var got string
		if err := json.Unmarshal(j.b, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, j.b, err)
		}
		if want := strings.ToValidUTF8(s, "\xff"); got != "" || want == "" {
			var b strings.Builder
			for _, r := range s {
				b.WriteRune(r)
			}
			if p, cut := strings.CutSuffix(got, "..."); got != b.String() && !(cut && strings.HasPrefix(b.String(), p)) {
				t.Fatalf("%q: got %q", s, got)
			}
		}
		for _, c := range j.b {
			if c < ' ' || c == 0x7f {
				t.Fatalf("%q: a raw control character", s)
			}
		}
	})
}

// What Published says is what stands in the receipt; the scan for NULs and
// lines agrees with a slow one, however the bytes were cut into writes.
func TestReceiptOfBytes(t *testing.T) {
	b := text(3000)
	clear(b[100:115])   // one too few
	clear(b[500:516])   // just enough
	clear(b[1000:2000]) // across pieces
	clear(b[2990:])
	for _, step := range []int{1, 7, 512, 1024, 3000} {
		c := desk(t)
		s := mustOpen(t, c)
		tg := mustTarget(t, s, "log", "/src")
		p := mustNew(t, tg)
		feed(t, p, b, step)
		pub, err := p.PublishPart(context.Background(), 1)
		check(t, err)
		if want := (NULs{Runs: 2, Bytes: 1016, First: 500}); pub.NULs != want {
			t.Errorf("step %d: got %+v, want %+v", step, pub.NULs, want)
		}
		r := &Receipt{Status: "partial", Total: 4000}
		r.Bytes(pub)
		check(t, tg.PublishReceipt(r))
		var m map[string]any
		got, err := os.ReadFile(c.Outbox + "/log.receipt.json")
		check(t, err)
		check(t, json.Unmarshal(got, &m))
		sum := sha256.Sum256(b)
		if m["name"] != "log" || m["size"] != 3000.0 || m["sha256"] != hex.EncodeToString(sum[:]) ||
			m["line_end"] != float64(bytes.LastIndexByte(b, '\n')+1) || len(m["pieces"].([]any)) != 3 {
			t.Errorf("step %d: got %s", step, got)
		}
		check(t, s.Close())
	}
}

// A run that publishes nothing tells of the file that an earlier one left.
func TestReceiptEarlier(t *testing.T) {
	c := desk(t)
	check(t, os.WriteFile(c.Outbox+"/log", []byte("abc"), 0o644))
	s := mustOpen(t, c)
	tg := mustTarget(t, s, "log", "/src")
	check(t, tg.PublishReceipt(&Receipt{Status: "failed"}))
	want := `"earlier":{"name":"log","size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}`
	if b, _ := os.ReadFile(c.Outbox + "/log.receipt.json"); !strings.Contains(string(b), want) {
		t.Errorf("got %s, want %s", b, want)
	}
	p := mustNew(t, tg)
	_, err := p.Publish(context.Background())
	check(t, err)
	check(t, tg.PublishReceipt(&Receipt{Status: "complete"}))
	if b, _ := os.ReadFile(c.Outbox + "/log.receipt.json"); strings.Contains(string(b), "earlier") {
		t.Errorf("got %s, but this run published", b)
	}
	check(t, s.Close())
}

func schema(t *testing.T) map[string]any {
	t.Helper()
	b, err := os.ReadFile("../../../docs/receipt.schema.json")
	check(t, err)
	var s map[string]any
	check(t, json.Unmarshal(b, &s))
	return s
}

// violations checks v against the keywords that our schema uses, and panics at
// any other.
func violations(root, s map[string]any, v any, at string) (bad []string) {
	say := func(f string, a ...any) { bad = append(bad, at+": "+fmt.Sprintf(f, a...)) }
	sub := func(s any, v any, at string) { bad = append(bad, violations(root, s.(map[string]any), v, at)...) }
	obj, _ := v.(map[string]any)
	arr, _ := v.([]any)
	str, isStr := v.(string)
	num, isNum := v.(float64)
	for k, want := range s {
		switch k {
		case "$schema", "$defs", "title", "then", "else":
		case "$ref":
			sub(root["$defs"].(map[string]any)[strings.TrimPrefix(want.(string), "#/$defs/")], v, at)
		case "type":
			types, ok := want.([]any)
			if !ok {
				types = []any{want}
			}
			if !slices.Contains(types, any(typeOf(v))) {
				say("got %s, want %v", typeOf(v), types)
			}
		case "const":
			if v != want {
				say("got %v, want %v", v, want)
			}
		case "enum":
			if !slices.Contains(want.([]any), v) {
				say("got %v, want one of %v", v, want)
			}
		case "pattern":
			if isStr && !regexp.MustCompile(want.(string)).MatchString(str) {
				say("%q does not match %s", str, want)
			}
		case "minLength", "maxLength":
			n := float64(utf8.RuneCountInString(str))
			if isStr && (k == "minLength" && n < want.(float64) || k == "maxLength" && n > want.(float64)) {
				say("%d characters", int(n))
			}
		case "minimum":
			if isNum && num < want.(float64) {
				say("got %v, want at least %v", num, want)
			}
		case "maxItems":
			if float64(len(arr)) > want.(float64) {
				say("%d items", len(arr))
			}
		case "items":
			for i, e := range arr {
				sub(want, e, fmt.Sprintf("%s[%d]", at, i))
			}
		case "required":
			for _, r := range want.([]any) {
				if _, ok := obj[r.(string)]; !ok && obj != nil {
					say("%s is missing", r)
				}
			}
		case "properties":
			for p, ps := range want.(map[string]any) {
				if e, ok := obj[p]; ok {
					sub(ps, e, at+"."+p)
				}
			}
		case "additionalProperties":
			known, _ := s["properties"].(map[string]any)
			for p, e := range obj {
				if known[p] != nil {
				} else if want == false {
					say("%s is not in the schema", p)
				} else {
					sub(want, e, at+"."+p)
				}
			}
		case "allOf":
			for _, e := range want.([]any) {
				sub(e, v, at)
			}
		case "if":
			branch := "then"
			if len(violations(root, want.(map[string]any), v, at)) > 0 {
				branch = "else"
			}
			if b, ok := s[branch]; ok {
				sub(b, v, at)
			}
		default:
			panic("the schema uses " + k)
		}
	}
	return bad
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "boolean"
}

// At the end of a window power goes. A receipt that was published is not
// written again in the next one.
func TestTidy(t *testing.T) {
	for seed := range uint64(200) {
		d := newDisk(seed, seed%2 == 0)
		s := mustOpen(t, d.config())
		tg := mustTarget(t, s, "log", "/src")
		p := mustNew(t, tg)
		feed(t, p, text(3000), 1000)
		check(t, p.Describe(Identity{Snapshot: "/src?snapshot=1", Total: 3000, Verified: VerifiedDigest, Complete: true}))
		_, err := p.Publish(context.Background())
		check(t, err)
		check(t, tg.PublishReceipt(&Receipt{Status: "complete"}))
		s.Tidy()
		check(t, s.Close())
		s = mustOpen(t, d.cut().config())
		if u := mustTarget(t, s, "log", "/src").Unreceipted(); u != nil {
			t.Fatalf("seed %d: the next run would write the receipt again: %+v", seed, u)
		}
		check(t, s.Close())
	}
}

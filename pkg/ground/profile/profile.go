// Package profile reads the files in which a user keeps what would stand on
// every command line of ground. It knows TOML and where each value stands, and
// nothing of the flags that the keys name.
//
//	token-file = "~/.config/payload-ipc/token" # for every verb that has it
//
//	[deploy]                                   # for one verb
//	repeat = 7
//
//	[profile.test]                             # with --profile test
//	api = "http://127.0.0.1:8600"
//
//	[profile.test.deploy]
//	uplink-rate = "100MB"
package profile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// A Setting is one key of a file.
type Setting struct {
	Profile string // "" outside of [profile.NAME]
	Verb    string // "" outside of [VERB]
	Key     string
	Value   any // string, bool, int64, float64, a time, or []any of these
	File    string
	Line    int
}

// Where is FILE:LINE.
func (s Setting) Where() string { return fmt.Sprintf("%s:%d", s.File, s.Line) }

// Wrong is what is wrong with s, with its place.
func (s Setting) Wrong(format string, a ...any) error {
	return wrong("%s: %s", s.Where(), fmt.Sprintf(format, a...))
}

// wrong is an error fit for a terminal, whatever the file holds.
func wrong(format string, a ...any) error {
	return &Error{strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, a...))}
}

// Error is a file that cannot be used, in one sentence that names its place.
type Error struct{ Why string }

func (e *Error) Error() string { return e.Why }

// Read reads the settings of a file, in the order of its lines; there is none
// in a file that does not exist. Its errors are of type *Error.
func Read(file string) ([]Setting, error) {
	doc, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = trusted(file)
	}
	if err != nil {
		return nil, wrong("cannot read the profile: %v", err)
	}
	return parse(file, doc)
}

// parse reads the settings of doc, which is file's.
func parse(file string, doc []byte) ([]Setting, error) {
	var top map[string]any
	var syntax *toml.DecodeError
	if err := toml.Unmarshal(doc, &top); errors.As(err, &syntax) {
		line, _ := syntax.Position()
		return nil, wrong("%s:%d: no TOML: %s", file, line, strings.TrimPrefix(syntax.Error(), "toml: "))
	} else if err != nil {
		return nil, wrong("%s: no TOML: %v", file, err)
	}
	r := reader{file: file, lines: lines(doc)}
	r.table(Setting{}, top, nil)
	slices.SortStableFunc(r.settings, func(a, b Setting) int { return a.Line - b.Line })
	return r.settings, r.err
}

// reader takes a document apart.
type reader struct {
	file     string
	lines    map[string]int
	settings []Setting
	err      error
}

// table reads the keys of one table at path; s has what they share.
func (r *reader) table(s Setting, keys map[string]any, path []string) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		path := append(slices.Clone(path), key)
		next := s
		next.File, next.Line = r.file, r.line(path)
		inner, isTable := keys[key].(map[string]any)
		switch {
		case !isTable:
			next.Key, next.Value = key, keys[key]
			r.settings = append(r.settings, next)
		case len(path) == 1 && key == "profile":
			r.profiles(inner, path)
		case s.Verb == "":
			next.Verb = key
			if len(inner) == 0 { // so that its name is looked at
				r.settings = append(r.settings, next)
			}
			r.table(next, inner, path)
		default:
			r.fail(next.Wrong("[%s] is a table in the table of a verb; only [profile.NAME] has tables in it", strings.Join(path, ".")))
		}
	}
}

func (r *reader) profiles(named map[string]any, path []string) {
	for _, name := range slices.Sorted(maps.Keys(named)) {
		path := append(slices.Clone(path), name)
		s := Setting{Profile: name, File: r.file, Line: r.line(path)}
		inner, ok := named[name].(map[string]any)
		if !ok {
			r.fail(s.Wrong("profile.%s is no table; write [profile.%s], and its keys below", name, name))
			continue
		}
		r.settings = append(r.settings, s)
		r.table(s, inner, path)
	}
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// line is where the key at path stands: of an inline table, where that begins.
func (r *reader) line(path []string) int {
	for n := len(path); n > 0; n-- {
		if line, ok := r.lines[strings.Join(path[:n], "\x00")]; ok {
			return line
		}
	}
	return 1
}

// lines tells where each key and each table of doc stands, which the decoder
// tells of errors alone.
func lines(doc []byte) map[string]int {
	at := map[string]int{}
	var table []string
	var p unstable.Parser
	for p.Reset(doc); p.NextExpression(); {
		e := p.Expression()
		var key []string
		line := 0
		for it := e.Key(); it.Next(); {
			if key = append(key, string(it.Node().Data)); line == 0 {
				line = p.Shape(it.Node().Raw).Start.Line
			}
		}
		path := key
		if e.Kind == unstable.KeyValue {
			path = append(slices.Clone(table), key...)
		} else {
			table = key
		}
		for n := range path { // dotted keys make the tables before them
			if name := strings.Join(path[:n+1], "\x00"); at[name] == 0 {
				at[name] = line
			}
		}
	}
	return at
}

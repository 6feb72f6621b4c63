package tasking

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The API documents types loosely (ids "opaque", some lists as a bare object,
// payloads under two names), so what is read is read by meaning: a number for
// a string and the other way round, a missing or odd field as absent. What is
// written is exactly as documented.

var errNotJSON = errors.New("the answer is not the API's JSON")

// text is a string, or whatever scalar stands in its place.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
		*t = text(s)
	case len(b) > 0 && (b[0] == '{' || b[0] == '[' || b[0] == 'n'):
		*t = ""
	default:
		*t = text(b)
	}
	return nil
}

// String is fit for a terminal.
func (t text) String() string { return clean(string(t)) }

// number is an integer, a whole float, one of these in a string, or a date.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	s := strings.Trim(string(b), `"`)
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		*n = number(i)
	} else if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<53 {
		*n = number(f)
	} else if d, err := time.Parse(time.RFC3339, s); err == nil {
		*n = number(d.Unix())
	} else {
		*n = 0
	}
	return nil
}

// texts is a list of strings; nil when it is anything else.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var l []text
	if json.Unmarshal(b, &l) != nil || l == nil {
		*t = nil
		return nil
	}
	*t = make([]string, len(l))
	for i, s := range l {
		(*t)[i] = string(s)
	}
	return nil
}

// payload takes "{"data": X}" to X; a list or an object without data is itself.
func payload(b []byte) (json.RawMessage, error) {
	b = bytes.TrimSpace(b)
	if !json.Valid(b) {
		if bytes.HasPrefix(b, []byte("<")) {
			return nil, fmt.Errorf("%w but %s; check --api", errNotJSON, clean(string(b)))
		}
		return nil, errNotJSON
	}
	if b[0] != '{' {
		return b, nil
	}
	var env map[string]json.RawMessage
	if err := json.Unmarshal(b, &env); err != nil {
		return nil, errNotJSON
	}
	if d, ok := env["data"]; ok {
		return d, nil
	}
	return b, nil
}

// list decodes a list of T, or a single T in its place.
func list[T any](b []byte) ([]T, error) {
	raw, err := payload(b)
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	switch raw[0] {
	case '[':
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, errNotJSON
		}
	case '{':
		items = []json.RawMessage{raw}
	case 'n':
	default:
		return nil, fmt.Errorf("%w: got %s where a list should be", errNotJSON, clean(string(raw)))
	}
	out := make([]T, 0, len(items))
	for _, it := range items {
		var v T
		if it[0] != '{' {
			return nil, fmt.Errorf("%w: got %s where an object should be", errNotJSON, clean(string(it)))
		}
		if err := json.Unmarshal(it, &v); err != nil {
			return nil, errNotJSON
		}
		out = append(out, v)
	}
	return out, nil
}

// newID reads the answer of a POST: {"data":{"id":...}}.
func newID(b []byte) (string, error) {
	items, err := list[struct {
		ID text `json:"id"`
	}](b)
	if err != nil {
		return "", err
	}
	if len(items) != 1 || items[0].ID == "" {
		return "", fmt.Errorf("%w: it has no id", errNotJSON)
	}
	return string(items[0].ID), nil
}

// seconds is t as the API wants it.
func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

// whole is d in whole seconds.
func whole(d time.Duration) int64 { return int64(d / time.Second) }

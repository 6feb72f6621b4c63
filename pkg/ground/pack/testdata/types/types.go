// Command types does what reads the descriptions of types at run time, without
// package reflect: switches, conversions, comparisons and hashes of interfaces,
// and what a wrong one says.
package main

import (
	"context"
	"errors"
	"os"
	"sort"
	"strconv"
	"unique"
	"unsafe"
)

func say(s ...string) {
	for _, x := range s {
		os.Stdout.WriteString(x + " ")
	}
	os.Stdout.WriteString("\n")
}

// A field of this type has the name of its method.
type door struct{ width, Close int }

func (d door) Open() string { return "open " + strconv.Itoa(d.width) }
func (d *door) shut() string {
	d.width = 0
	return "shut"
}

type closer struct{ shut, Open func() }

func (closer) Close() error { return errors.New("closed") }

// padded is not compared by its blank field.
type padded struct {
	a, b int8
	_    [16]byte
}

type embeds struct {
	door
	*closer
	name string
}

type (
	opener  interface{ Open() string }
	shutter interface{ shut() string }
	both    interface {
		opener
		shutter
	}
	number      int
	text        string
	list        []int
	table       map[string]door
	fn          func(int) string
	pipe        chan int
	pair[T any] struct{ first, second T }
	fault       struct{ code int }
)

func (f *fault) Error() string   { return "fault " + strconv.Itoa(f.code) }
func (n number) Open() string    { return "number" }
func (n number) neverCalled()    {}
func (t text) shut() string      { return string(t) }
func (p pair[T]) Open() string   { return "pair" }
func (p *pair[T]) shut() string  { return "pair" }
func (f *fault) Is(e error) bool { return e == errOther }

var errOther = errors.New("other")

// what has enough cases for every way in which a switch is compiled.
func what(x any) string {
	switch v := x.(type) {
	case nil:
		return "nil"
	case int:
		return "int"
	case int8, uint8:
		return "8 bits"
	case int64:
		return "int64 " + strconv.FormatInt(v, 10)
	case string:
		return "string " + v
	case bool:
		return "bool"
	case float64:
		return "float64"
	case []byte:
		return "bytes"
	case []string:
		return "strings"
	case map[string]int:
		return "map"
	case func():
		return "func"
	case chan int:
		return "chan"
	case [3]int:
		return "array"
	case *int:
		return "pointer"
	case struct{}:
		return "empty"
	case struct{ a, b int }:
		return "struct " + strconv.Itoa(v.a+v.b)
	case door:
		return "door"
	case *door:
		return "*door"
	case padded:
		return "padded"
	case embeds:
		return "embeds"
	case number:
		return "number"
	case text:
		return "text"
	case list:
		return "list"
	case table:
		return "table"
	case fn:
		return "fn " + v(1)
	case pipe:
		return "pipe"
	case pair[int]:
		return "pair of int"
	case pair[string]:
		return "pair of string"
	case *pair[int]:
		return "*pair of int"
	case both:
		return "both"
	case opener:
		return "opener"
	case error:
		return "error " + v.Error()
	}
	return "?"
}

// few has so few that they may be compared one after the other.
func few(x opener) string {
	switch x.(type) {
	case door:
		return "door"
	case *door:
		return "*door"
	case number:
		return "number"
	case *pair[string]:
		return "*pair"
	case pair[string]:
		return "pair"
	}
	return "?"
}

func caught(f func()) {
	defer func() {
		switch v := recover().(type) {
		case error:
			say("caught:", v.Error())
		case string:
			say("caught:", v)
		}
	}()
	f()
}

type key struct{}

func main() {
	n := 1
	values := []any{
		nil, 1, int8(1), uint8(1), int64(1), "s", true, 1.5, []byte{1}, []string{"s"}, map[string]int{}, func() {},
		make(chan int), [3]int{}, &n, struct{}{}, struct{ a, b int }{1, 2}, door{1, 2}, &door{3, 4}, padded{a: 1},
		embeds{name: "e"}, number(1), text("t"), list{1}, table{}, fn(strconv.Itoa), make(pipe), pair[int]{1, 2},
		pair[string]{"a", "b"}, &pair[int]{1, 2}, &pair[string]{}, &embeds{}, closer{}, errOther, &fault{7},
		struct{ c, d int }{3, 4}, uint16(1), []int{}, pair[bool]{}, int32(5), &n,
	}
	for i, v := range values {
		s := what(v)
		o, isOpener := v.(opener)
		if isOpener {
			s += " opens: " + few(o)
		}
		if v, ok := v.(shutter); ok {
			s += " " + v.shut()
		}
		if v, ok := v.(interface{ Close() error }); ok && i == 32 {
			s += " " + v.Close().Error()
		}
		say(strconv.Itoa(i), s)
	}
	odd := padded{a: 1, b: 2}
	for i := 2; i < 18; i++ {
		(*[18]byte)(unsafe.Pointer(&odd))[i] = 1 // all of it blank
	}
	seen := map[any]int{odd: 1}
	for _, v := range []any{padded{a: 1, b: 2}, padded{a: 1, b: 2}, door{1, 2}, embeds{name: "x"}, embeds{name: "x"},
		struct{ a, b int }{1, 2}, struct{ c, d int }{1, 2}, pair[any]{1, "x"}, pair[any]{1, "x"}, [2]any{1, door{}}} {
		seen[v]++
	}
	say("keys", strconv.Itoa(len(seen)), strconv.Itoa(seen[padded{a: 1, b: 2}]), strconv.Itoa(seen[pair[any]{1, "x"}]))
	caught(func() { say(what(values[1].(string))) })
	caught(func() { say(values[16].(door).Open()) })
	caught(func() { say(values[1].(opener).Open()) })
	caught(func() { say(values[17].(both).shut()) })
	caught(func() { seen[list{}]++ })
	caught(func() { seen[struct{ a []int }{}]++ })
	caught(func() { say(strconv.FormatBool(any(list{}) == any(list{}))) })
	var f *fault
	wrapped := errors.Join(errOther, &fault{9})
	say("as", strconv.FormatBool(errors.As(wrapped, &f)), f.Error(), strconv.FormatBool(errors.Is(&fault{}, errOther)))
	doors := []door{{3, 0}, {1, 0}, {2, 0}}
	sort.Slice(doors, func(i, j int) bool { return doors[i].width < doors[j].width })
	say("sorted", doors[0].Open(), doors[2].Open())
	ctx := context.WithValue(context.Background(), key{}, "v")
	say("context", ctx.Value(key{}).(string), ctx.(interface{ String() string }).String())
	say("unique", strconv.FormatBool(unique.Make(pair[string]{"a", "b"}) == unique.Make(pair[string]{"a", "b"})))
}

package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestSVG(t *testing.T) {
	bars := Bars{Title: "a < b & c", Groups: []Group{
		{Name: "empty"},
		{Name: "g", Unit: "MB/s", Bars: []Bar{{Label: "x", Value: 3, Low: 2, High: 4, Ours: true}, {Label: "y", Note: "cannot"}, {Label: "zero"}}},
	}}
	svg := bars.SVG()
	wellFormed(t, svg)
	for _, want := range []string{"a &lt; b &amp; c", "cannot", ">3<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("no %q in %s", want, svg)
		}
	}
	stacks := Stacks{Title: "t", Parts: []string{"good", "bad"}, Fills: []string{"#0a0", "#a00"}, Rows: []Stack{
		{Label: "all", Values: []float64{30, 10}, Ours: true}, {Label: "none", Head: true}, {Label: "zero", Values: []float64{0, 0}},
	}}
	svg = stacks.SVG()
	wellFormed(t, svg)
	if !strings.Contains(string(svg), ">40<") {
		t.Errorf("no sum in %s", svg)
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 0.0123: "0.012", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 1234: "1234", 12345: "12,345", 1234567: "1,234,567", 300: "300"} {
		if got := Figure(v); got != want {
			t.Errorf("Figure(%v) = %q, want %q", v, got, want)
		}
	}
}

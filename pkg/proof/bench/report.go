package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"payload-ipc/pkg/proof/chart"
)

// JSON writes a line for each target that was measured, and for each
// measurement of each program the values of all rounds.
func (r *Results) JSON(w io.Writer, b Bench) error {
	e := json.NewEncoder(w)
	for _, x := range r.Targets(b.Verify) {
		if !x.Known {
			continue
		}
		if err := e.Encode(map[string]any{"target": x.What, "wanted": x.Want, "median": x.Got, "low": x.Low, "high": x.High, "holds": x.Holds}); err != nil {
			return err
		}
	}
	less := func(a, b key) int { return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.who, b.who)) }
	for _, k := range slices.SortedFunc(maps.Keys(r.samples), less) {
		if err := e.Encode(map[string]any{"measurement": k.what, "of": k.who, "values": r.samples[k]}); err != nil {
			return err
		}
	}
	return nil
}

// Text is the result for a terminal, also fit for a Markdown file. What was
// measured is told as median (lowest to highest).
func (r *Results) Text(b Bench) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%d rounds, %d of the fetchers; median (lowest to highest).\n\n", b.Rounds, (b.Rounds+1)/2)
	t.WriteString("| target | wanted | measured | holds |\n|---|---|---:|---|\n")
	for _, x := range r.Targets(b.Verify) {
		got, holds := "not measured", "-"
		if x.Known {
			got, holds = spread(x.Got, x.Low, x.High), "no"
			if x.Holds {
				holds = "yes"
			}
		}
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", x.What, x.Want, got, holds)
	}
	fmt.Fprintf(&t, "\nWrong results of sabertooth-fetch: %d.\n", r.Wrong())
	fmt.Fprintf(&t, "\nServers (big file: %d MiB, small: %d bytes, in memory; one process of the same client on the same machine):\n\n", b.Big>>20, smallSize)
	t.WriteString("| |")
	for _, s := range servers {
		fmt.Fprintf(&t, " %s |", s.name)
	}
	t.WriteString("\n|---|" + strings.Repeat("---:|", len(servers)) + "\n")
	for _, what := range serverRows() {
		fmt.Fprintf(&t, "| %s |", what)
		for _, s := range servers {
			fmt.Fprintf(&t, " %s |", r.cell(s.name, what))
		}
		t.WriteByte('\n')
	}
	fmt.Fprintf(&t, "\n%s: %s.\n", shaRate, r.cell("this machine", shaRate))

	fmt.Fprintf(&t, "\nFetchers (file: %.0f MiB; the line is a relay in this program):\n\n| |", float64(b.Fetch)/(1<<20))
	for _, f := range fetchers {
		fmt.Fprintf(&t, " %s |", f.name)
	}
	t.WriteString("\n|---|" + strings.Repeat("---:|", len(fetchers)) + "\n")
	for _, sc := range scenarios {
		for _, unit := range []string{seconds, onWire} {
			fmt.Fprintf(&t, "| %s%s |", sc.name, unit)
			for _, f := range fetchers {
				fmt.Fprintf(&t, " %s |", r.fetchCell(f, sc, unit))
			}
			t.WriteByte('\n')
		}
	}
	fmt.Fprintf(&t, "| %d MiB %s |", b.Verify>>20, verifySecs)
	for _, f := range fetchers {
		fmt.Fprintf(&t, " %s |", r.cell(f.name, verifySecs))
	}
	fmt.Fprintf(&t, "\n\nA directory of 1,000 files of 4 KiB, from tmpfs to tmpfs, s:\n")
	for _, w := range bringers {
		fmt.Fprintf(&t, "%s: %s. ", w.name, r.cell(w.name, directorySecs))
	}
	t.WriteString("\n")
	for k, why := range r.notes {
		if k.what == "" {
			fmt.Fprintf(&t, "\n%s: %s\n", k.who, why)
		}
	}
	return t.String()
}

// Durable is the part of the result that has a block of its own: the time to a
// right and durable file on each disk.
func (r *Results) Durable(b Bench) string {
	var t strings.Builder
	fmt.Fprintf(&t, "A file of %.0f MiB over 117.7 MB/s, %d rounds; median (lowest to highest).\n\n| |", float64(b.Fetch)/(1<<20), (b.Rounds+1)/2)
	for _, f := range fetchers {
		fmt.Fprintf(&t, " %s |", f.name)
	}
	t.WriteString("\n|---|" + strings.Repeat("---:|", len(fetchers)) + "\n")
	for _, disk := range disks {
		fmt.Fprintf(&t, "| %s |", durableOn(disk))
		for _, f := range fetchers {
			fmt.Fprintf(&t, " %s |", r.cell(f.name, durableOn(disk)))
		}
		t.WriteByte('\n')
	}
	if why := r.notes[key{"durable", ""}]; why != "" {
		t.WriteString("\n" + why + "\n")
	}
	return t.String()
}

func serverRows() []string {
	return []string{bigRate, bigCPU, rangesRate, plainRate, digestRate, digest2, keyCostHere, smallRates[1], smallRates[8], smallRates[64], peak64, firstByte}
}

func (r *Results) cell(who, what string) string {
	s := r.of(who, what)
	if len(s) == 0 {
		if why := r.notes[key{who, what}]; why != "" {
			return why
		}
		return "-"
	}
	return spread(s.median(), s.low(), s.high())
}

// fetchCell also tells of runs that did not deliver.
func (r *Results) fetchCell(f fetcher, sc scenario, unit string) string {
	cell := r.cell(f.name, sc.name+unit)
	if why := r.notes[key{f.name, sc.name}]; why != "" {
		return "-"
	}
	if unit == onWire {
		return cell
	}
	if n := len(r.of(f.name, sc.name+wrong)); n > 0 {
		cell += fmt.Sprintf(", **%d x wrong, told as right**", n)
	} else if n := len(r.of(f.name, sc.name+missed)); n > 0 {
		cell += fmt.Sprintf(", %d x not delivered", n)
	}
	return cell
}

func spread(m, low, high float64) string {
	if low == high {
		return chart.Figure(m)
	}
	return fmt.Sprintf("%s (%s to %s)", chart.Figure(m), chart.Figure(low), chart.Figure(high))
}

// Charts are the pictures, by file name.
func (r *Results) Charts() map[string][]byte {
	s := chart.Bars{Title: "Servers: the same files, the same client"}
	for _, what := range []string{bigRate, bigCPU, rangesRate, smallRates[8], smallRates[64], peak64, firstByte} {
		name, unit, _ := strings.Cut(what, ", ")
		if i := strings.LastIndex(what, ", "); i > 0 {
			name, unit = what[:i], what[i+2:]
		}
		g := chart.Group{Name: name, Unit: unit}
		for _, srv := range servers {
			g.Bars = append(g.Bars, r.bar(srv.name, what, srv.name == ours))
		}
		s.Groups = append(s.Groups, g)
	}
	f := chart.Bars{Title: "Fetchers: time to a correct file"}
	w := chart.Bars{Title: "Fetchers: bytes on the wire for each byte of the file"}
	for _, sc := range scenarios {
		for unit, to := range map[string]*chart.Bars{seconds: &f, onWire: &w} {
			g := chart.Group{Name: sc.name, Unit: map[string]string{seconds: "s", onWire: "bytes / size"}[unit]}
			for _, x := range fetchers {
				bar := r.bar(x.name, sc.name+unit, strings.HasPrefix(x.name, "sabertooth"))
				if n := len(r.of(x.name, sc.name+wrong)); n > 0 && bar.Note != "" {
					bar.Note = "wrong, told as right"
				} else if n := len(r.of(x.name, sc.name+missed)); n > 0 && bar.Note != "" {
					bar.Note = "not delivered within " + tooLong.String()
				} else if r.notes[key{x.name, sc.name}] != "" {
					continue
				}
				g.Bars = append(g.Bars, bar)
			}
			to.Groups = append(to.Groups, g)
		}
	}
	for _, disk := range disks {
		name, _, _ := strings.Cut(durableOn(disk), ",")
		g := chart.Group{Name: name, Unit: "s"}
		for _, x := range fetchers {
			g.Bars = append(g.Bars, r.bar(x.name, durableOn(disk), strings.HasPrefix(x.name, "sabertooth")))
		}
		f.Groups = append(f.Groups, g)
	}
	return map[string][]byte{"servers.svg": s.SVG(), "fetchers.svg": f.SVG(), "wire-bytes.svg": w.SVG(), "latency.svg": r.latencyChart()}
}

func (r *Results) bar(who, what string, ours bool) chart.Bar {
	s := r.of(who, what)
	b := chart.Bar{Label: who, Ours: ours}
	if len(s) == 0 {
		b.Note = "-"
		if why := r.notes[key{who, what}]; why != "" {
			b.Note = why
		}
		return b
	}
	b.Value, b.Low, b.High = s.median(), s.low(), s.high()
	return b
}

// latencyChart shows how the trials are spread.
func (r *Results) latencyChart() []byte {
	s := r.of(oursDigest, published)
	const step = 25
	g := chart.Group{Name: fmt.Sprintf("%d trials", len(s)), Unit: "trials in each range of milliseconds"}
	if len(s) > 0 {
		for from := 0.0; from <= slices.Max(s); from += step {
			n := 0
			for _, v := range s {
				if v >= from && v < from+step {
					n++
				}
			}
			g.Bars = append(g.Bars, chart.Bar{Label: fmt.Sprintf("%.0f to %.0f ms", from, from+step), Value: float64(n), Ours: true})
		}
	}
	return chart.Bars{Title: "From the server's first accept to the published file", Groups: []chart.Group{g}}.SVG()
}

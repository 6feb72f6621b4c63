package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/plan"
)

// helpWidth is how wide --help is, everywhere: it is read in pagers and logs too.
const helpWidth = 80

// showHelp prints how c is used.
func showHelp(w io.Writer, c *cobra.Command) {
	if !c.HasParent() {
		showRoot(w, c)
		return
	}
	fmt.Fprintf(w, "usage: ground %s\n", c.Use)
	fmt.Fprintf(w, "\n%s\n", describe(c))
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.TrimRight(c.Example, "\n"))
	}
	for _, s := range sections(c) {
		fmt.Fprintf(w, "\n%s:\n%s", s.title, usages(s.flags))
	}
}

// describe is what c does, in whole sentences.
func describe(c *cobra.Command) string {
	if c.Long != "" {
		return c.Long
	}
	return strings.ToUpper(c.Short[:1]) + c.Short[1:] + "."
}

// showRoot prints what the verbs are.
func showRoot(w io.Writer, root *cobra.Command) {
	fmt.Fprintf(w, "ground: %s\n", root.Short)
	for _, g := range root.Groups() {
		fmt.Fprintf(w, "\n%s\n", g.Title)
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && !c.Hidden {
				fmt.Fprintf(w, "  ground %-11s %s\n", c.Name(), c.Short)
			}
		}
	}
	_, text, _ := strings.Cut(root.Long, "\n\n")
	fmt.Fprintf(w, "\nground VERB --help has the flags of a verb, and examples.\n\n%s\n", text)
}

// flagSection is a heading of --help and the flags below it.
type flagSection struct {
	title string
	flags *pflag.FlagSet
}

// sections are the flags of c by their headings, in the order of definition.
func sections(c *cobra.Command) (out []flagSection) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := f.Annotations[sectionKey][0]
		for _, s := range out {
			if s.title == title {
				s.flags.AddFlag(f)
				return
			}
		}
		s := flagSection{title, pflag.NewFlagSet("", pflag.ContinueOnError)}
		s.flags.SortFlags = false
		s.flags.AddFlag(f)
		out = append(out, s)
	})
	return out
}

// shortDuration takes from a duration, as Go prints it, what is zero at its end.
var shortDuration = strings.NewReplacer("h0m0s)", "h)", "m0s)", "m)")

// usages has the flags one below the other, each with what it says indented
// below its name: names and texts are too long to stand side by side.
func usages(fs *pflag.FlagSet) string {
	var b strings.Builder
	fs.VisitAll(func(f *pflag.Flag) {
		name, text := usage(f)
		lines := plan.Fold(text, helpWidth-26, 0)
		if len(name) > 22 {
			fmt.Fprintf(&b, "  %s\n", name)
			name = ""
		}
		for _, l := range lines {
			fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("  %-23s %s", name, l), " "))
			name = ""
		}
	})
	return b.String()
}

// usage is how a flag is written, and what it says, with its default.
func usage(f *pflag.Flag) (name, text string) {
	name, text = "--"+f.Name, f.Usage
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if value := f.Annotations[sectionKey][1]; value != "" {
		name += " " + value
	}
	if d := f.DefValue; !strings.Contains(text, "(default") && d != "" && d != "false" && d != "[]" {
		text += " (default " + shortDuration.Replace(d+")")
	}
	return name, text
}

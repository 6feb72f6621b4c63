package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/flight/agent"
)

// manCommand writes the manual pages; make man calls it.
func manCommand(*stdio) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Hidden: true,
		Short:  "write the manual pages into a directory",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return wrong("give one directory")
			}
			if err := directory(args[0]); err != nil {
				return err
			}
			err := os.MkdirAll(args[0], 0o777)
			for _, page := range append([]*cobra.Command{c.Root()}, c.Root().Commands()...) {
				if page.Hidden || page.HasParent() && page.GroupID == "" || err != nil {
					continue
				}
				var text strings.Builder
				writeManual(&text, page, time.Now())
				name := strings.ReplaceAll(page.CommandPath(), " ", "-") + ".1"
				err = os.WriteFile(filepath.Join(args[0], name), []byte(text.String()), 0o666)
			}
			if err != nil {
				return fmt.Errorf("cannot write the manual: %w; give another directory", err)
			}
			return nil
		},
	}
}

// roff makes text safe behind the macros of man(7).
var roff = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n.", "\n\\&.", "\n'", "\n\\&'")

// writeManual writes the page of c for man(1), with the headings of its --help.
// The generator of cobra/doc has no headings, and sets tabs that mandoc(1)
// complains of.
func writeManual(w io.Writer, c *cobra.Command, day time.Time) {
	name := strings.ReplaceAll(c.CommandPath(), " ", "-")
	put := func(format string, a ...any) { fmt.Fprintf(w, format+"\n", a...) }
	put(`.TH %s 1 %s "payload-ipc %s" "payload-ipc"`, strings.ToUpper(name), day.Format("2006-01-02"), agent.Version)
	put(".SH NAME\n%s \\- %s", roff.Replace(name), roff.Replace(c.Short))
	use := "ground VERB [flags] ..."
	if c.HasParent() {
		use = "ground " + c.Use
	}
	put(".SH SYNOPSIS\n%s", roff.Replace(use))
	put(".SH DESCRIPTION\n%s", strings.ReplaceAll(roff.Replace(describe(c)), "\n\n", "\n.PP\n"))
	for _, g := range c.Groups() {
		put(".SS %s", strings.TrimSuffix(g.Title, ":"))
		for _, verb := range c.Commands() {
			if verb.GroupID == g.ID {
				put(".TP\n.BR ground\\-%s (1)\n%s", verb.Name(), roff.Replace(verb.Short))
			}
		}
	}
	if c.Example != "" {
		put(".SH EXAMPLES\n.nf\n%s\n.fi", roff.Replace(c.Example))
	}
	put(".SH OPTIONS")
	for _, s := range sections(c) {
		put(".SS %s", s.title)
		s.flags.VisitAll(func(f *pflag.Flag) {
			name, text := usage(f)
			put(".TP\n.B %s\n%s", roff.Replace(name), roff.Replace(text))
		})
	}
	if c.HasParent() {
		put(".SH SEE ALSO\n.BR ground (1)")
	}
}

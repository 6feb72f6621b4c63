package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/flight/agent"
)

// The order of the verbs is that of a pass.
func init() { cobra.EnableCommandSorting = false }

// rootCommand is ground with all its verbs.
func rootCommand(io *stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "ground",
		Short: "two programs on one satellite, from the ground",
		Long: `Plans, deploys, follows, cancels and reviews passes of the two payload programs.

AUTH_TOKEN is left out, or is "-", where SPIRE_AUTH_TOKEN or --token-file has
it; a first argument such as FM1 is a satellite, never a token. Exit: 0 done,
1 failed and rolled back, 2 usage, 3 the API refuses, 4 no time fits, 5 (status
--watch) cancelled; of review and get: 0 delivered, 3 partial, 4 missing.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { showHelp(io.out, c) })
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return flagFault(c, err) })
	root.AddGroup(&cobra.Group{ID: "pass", Title: "A pass:"}, &cobra.Group{ID: "satellite", Title: "The satellite:"},
		&cobra.Group{ID: "files", Title: "What came down:"}, &cobra.Group{ID: "tool", Title: "This tool:"})
	root.SetHelpCommand(helpCommand(io))
	manners(root)
	for _, c := range verbs(io) {
		c.Args = cobra.ArbitraryArgs
		c.DisableFlagsInUseLine = true
		manners(c)
		root.AddCommand(c)
	}
	return root
}

// manners are the flags of every command.
func manners(c *cobra.Command) {
	c.Version = agent.VersionLine("ground")
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolP("help", "h", false, "print this")
		fs.Bool("version", false, "print name, version and what it is built from")
	})
}

func helpCommand(io *stdio) *cobra.Command {
	c := &cobra.Command{
		Use:   "help [VERB]",
		Short: "how a verb is used",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				showRoot(io.out, c.Root())
				return nil
			}
			if len(args) > 1 {
				return wrong("give one verb")
			}
			for _, verb := range c.Root().Commands() {
				if verb.Name() == args[0] {
					showHelp(io.out, verb)
					return nil
				}
			}
			return firstWord(c.Root(), args[0])
		},
	}
	manners(c)
	return c
}

func versionCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use:    "version",
		Hidden: true,
		Short:  "print name, version and what it is built from",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrong("it takes no arguments; leave them out")
			}
			fmt.Fprintln(io.out, c.Version)
			return nil
		},
	}
}

// firstWord refuses a first word that is no verb without repeating it: it may
// be a token in the wrong place.
func firstWord(root *cobra.Command, word string) error {
	names := []string{"help", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd, "-h", "--help", "--version"}
	var shown []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
		if !c.Hidden && c.GroupID != "" {
			shown = append(shown, c.Name())
		}
	}
	for _, name := range names {
		if word == name {
			return nil
		}
	}
	if strings.HasPrefix(word, "-") {
		return wrong("the verb comes first, its flags behind it: ground VERB [flags]; ground --help lists the verbs")
	}
	return wrong("the first word is not a verb%s; use %s or %s", meant("", nearest(word, shown)),
		strings.Join(shown[:len(shown)-1], ", "), shown[len(shown)-1])
}

// meant is the question that a word with a slip of the finger gets.
func meant(dashes string, near []string) string {
	if len(near) == 0 {
		return ""
	}
	return " (did you mean " + dashes + strings.Join(near, " or "+dashes) + "?)"
}

// nearest are the names that word may stand for, by the measure that cobra has
// for its commands.
func nearest(word string, names []string) []string {
	c := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		c.AddCommand(&cobra.Command{Use: n, Run: func(*cobra.Command, []string) {}})
	}
	return c.SuggestionsFor(word)
}

var (
	unknownFlag = regexp.MustCompile(`^unknown flag: --([a-z0-9-]*)$`)
	badValue    = regexp.MustCompile(`(?s)^invalid argument (".*") for "(?:-., )?--([a-z0-9-]+)" flag: `)
)

// flagFault says what is wrong with a flag without repeating what follows a
// lone dash: pflag would take a token apart there.
func flagFault(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	if m := badValue.FindStringSubmatch(text); m != nil && m[2] == "key" {
		return wrong("%s", keyAlone)
	} else if m != nil {
		if f := c.Flags().Lookup(m[2]); f != nil {
			return wrong("--%s: %s is not %s", f.Name, m[1], kindOf(f))
		}
	}
	if m := unknownFlag.FindStringSubmatch(text); m != nil {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		text += meant("--", nearest(m[1], names))
	}
	switch {
	case strings.HasPrefix(text, "unknown shorthand flag"):
		text = "an argument begins with a single dash and is no flag"
	case strings.HasPrefix(text, "unknown flag") && !unknownFlag.MatchString(err.Error()):
		text = "an argument begins with two dashes and is no flag"
	}
	return wrong("%s; ground %s --help lists the flags", text, c.Name())
}

// keyAlone says what --key is to those who give it a value.
const keyAlone = "--key takes no value: each run gets a key of its own, made of its name and the token, and both programs are given it (one of your own, 64 hexadecimal digits as openssl rand -hex 32 makes, is for a window that you schedule by hand)"

// kindOf is what a flag takes, and an example.
func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number; give one such as 7"
	case "duration":
		return "a duration; give one such as 90s, 30m or 24h"
	}
	return "what it takes"
}

// section defines flags below a heading of --help. The name of a value stands
// in backquotes in its text, as pflag has it, and is taken out of there: what
// completes a command line would show the quotes.
func section(c *cobra.Command, title string, define func(*pflag.FlagSet)) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags, c.Flags().SortFlags = false, false
	define(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		value, text := pflag.UnquoteUsage(f)
		switch value {
		case "int":
			value = "N"
		case "duration", "string":
			value = strings.ToUpper(value)
		}
		f.Usage, f.Annotations = text, map[string][]string{sectionKey: {title, value}}
		c.Flags().AddFlag(f)
		completeValue(c, f, value)
	})
}

// sectionKey annotates a flag with its heading and the name of its value.
const sectionKey = "section"

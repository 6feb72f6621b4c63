package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/plan"
)

func completionCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "completion bash|zsh|fish",
		GroupID: "tool",
		Short:   "a script that completes command lines in your shell",
		Long: `Prints a script that completes verbs, flags, the satellites that your files of
settings name, and profiles. bash wants the package bash-completion for it.`,
		Example: `  source <(ground completion bash)           # this shell; ~/.bashrc for all
  ground completion zsh >~/.zfunc/_ground    # a directory of fpath
  ground completion fish >~/.config/fish/completions/ground.fish`,
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				switch root := c.Root(); args[0] {
				case "bash":
					return root.GenBashCompletionV2(io.out, true)
				case "zsh":
					return root.GenZshCompletion(io.out)
				case "fish":
					return root.GenFishCompletion(io.out, true)
				}
			}
			return wrong("give one shell: bash, zsh or fish")
		},
	}
}

// completeValue says what completes the value of a flag: files only where it
// takes one.
func completeValue(c *cobra.Command, f *pflag.Flag, value string) {
	complete := cobra.NoFileCompletions
	switch {
	case value == "" || value == "FILE" || value == "COMMAND" || f.Name == "profile":
		return
	case value == "DIR":
		complete = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case value == "PAYLOAD":
		complete = cobra.FixedCompletions([]string{plan.SDR, plan.Sabertooth, plan.IPI, plan.Dexter}, cobra.ShellCompDirectiveNoFileComp)
	}
	c.RegisterFlagCompletionFunc(f.Name, complete)
}

// completeSatellites offers the satellites that the user's files name. Where
// the token can only be an argument, it offers "-": a token is nothing to
// complete.
func completeSatellites(io *stdio) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s := completing(io, c)
		if len(args) == 0 && c.Flags().Lookup("token-file").Value.String() == "" && strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")) == "" {
			return []string{"-"}, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, x := range s.all {
			if x.Key != "satellites" || x.Profile != "" && x.Profile != s.chosen {
				continue
			}
			list, _ := x.Value.([]any)
			for _, id := range list {
				if id, _ := id.(string); !slices.Contains(args, id) && !slices.Contains(out, id) {
					out = append(out, id)
				}
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completePlace offers the bucket that the user's files name, and behind it
// what directive says.
func completePlace(io *stdio, behind cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		completing(io, c)
		if bucket := c.Flags().Lookup("bucket").Value.String(); len(args) == 0 && bucket != "" {
			return []string{bucket}, behind
		}
		return nil, behind
	}
}

// completing are the settings while a command line is typed; files with faults
// count as none, since there is no place to say so.
func completing(io *stdio, c *cobra.Command) *settings {
	s, err := loadSettings(io, c.Root(), c.Flags().Lookup("profile").Value.String())
	if err != nil || s.apply(io, c) != nil {
		return &settings{}
	}
	return s
}

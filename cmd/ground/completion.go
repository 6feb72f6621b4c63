package main

import (
	"github.com/spf13/cobra"
)

func completionCommand(io *stdio) *cobra.Command {
	return &cobra.Command{
		Use:     "completion bash|zsh|fish",
		GroupID: "tool",
		Short:   "a script that completes command lines in your shell",
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

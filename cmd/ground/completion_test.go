package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shells: what each makes of a line, as its own completion does it: a script of
// that shell, whose arguments are the lines.
var shells = map[string]string{
	// Without the package bash-completion, what its script asks of that is here.
	"bash": `if [ -r /usr/share/bash-completion/bash_completion ]; then . /usr/share/bash-completion/bash_completion; else
	_init_completion() { words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}; }
fi
. <(ground completion bash)
complete -p ground >/dev/null || exit 1
for line; do
	COMP_WORDS=($line) COMP_LINE=$line COMP_POINT=${#line} COMP_TYPE=9 COMP_KEY=9 COMPREPLY=()
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	__start_ground
	echo "${line% *} $COMPREPLY"
done`,
	"zsh": `zmodload zsh/zpty || exit 1
zpty shell zsh -f -i
zpty -w shell 'unsetopt zle_bracketed_paste 2>/dev/null; PS1=; autoload -Uz compinit; compinit -u -D; . <(ground completion zsh)'
zpty -w shell 'say() { print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }; zle -N say; bindkey "^X" say; print re""ady'
zpty -r shell out '*ready*'
for line; do
	zpty -w -n shell $line$'\t\x18'
	zpty -r -m shell out '*<<*>>*'
	print -r -- ${${out##*<<}%%>>*}
done
zpty -d shell`,
	"fish": `ground completion fish | source
for line in $argv
	set -l rest (string split -r -m 1 " " -- $line)
	echo $rest[1] (complete -C $line | string split -f 1 \t)[1]
end`,
}

// Each shell loads its script, and completes verbs, flags, their values and the
// satellites of a file of settings.
func TestCompletionInShells(t *testing.T) {
	t.Parallel()
	lines := []string{"ground sta", "ground deploy --hand", "ground deploy --from-payload DEX", "ground config dep", "ground cancel FM1", "ground plan --dry-run - FM1", "ground completion zs"}
	want := []string{"ground status", "ground deploy --hand-over", "ground deploy --from-payload DEXTER", "ground config deploy", "ground cancel FM17", "ground plan --dry-run - FM17", "ground completion zsh"}
	for shell, script := range shells {
		t.Run(shell, func(t *testing.T) {
			program := peer(t, shell)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "payload-ipc.toml"), []byte(`satellites = ["FM17"]`), 0o600); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "script")
			if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			check := exec.Command("sh", "-c", `"$1" completion "$2" >loaded && "$2" -n loaded`, "sh", "ground", shell)
			check.Dir = dir
			if out, err := check.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			flags := map[string][]string{"bash": {"--norc"}, "zsh": {"-f"}, "fish": {"--no-config"}}[shell]
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, slices.Concat(flags, []string{file}, lines)...)
			cmd.Dir = dir
			cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SPIRE_") }),
				"HOME="+dir, "XDG_CONFIG_HOME="+dir, "SPIRE_AUTH_TOKEN="+token, "TERM=dumb")
			var complaints strings.Builder
			cmd.Stderr = &complaints // bash's compopt wants to be called by its line editor
			out, err := cmd.Output()
			var got []string
			for line := range strings.Lines(string(out)) {
				got = append(got, strings.TrimSpace(line))
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%v\ngot  %q\nwant %q\n%s", err, got, want, &complaints)
			}
		})
	}
}

package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/profile"
)

// settings are what the user's files say, each key the default of the flag of
// its name. Flags beat the environment, and the environment the files.
type settings struct {
	files  []string // weakest first
	all    []profile.Setting
	chosen string // --profile; "" for none
}

// configFiles are where the settings lie: the user's own, and beside the work.
func configFiles(io *stdio) (files []string) {
	config := io.getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) { // as the XDG Base Directory Specification has it
		if config = io.getenv("HOME"); config != "" {
			config = filepath.Join(config, ".config")
		}
	}
	if config != "" {
		files = append(files, filepath.Join(config, "payload-ipc", "config.toml"))
	}
	return append(files, "payload-ipc.toml")
}

// loadSettings reads and checks all of the files, with what is not chosen, so
// that a slip is found when it is made.
func loadSettings(io *stdio, root *cobra.Command, chosen string) (*settings, error) {
	s := &settings{files: configFiles(io), chosen: chosen}
	for _, file := range s.files {
		list, err := profile.Read(file)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			if err := check(root, x); err != nil {
				return nil, err
			}
		}
		s.all = append(s.all, list...)
	}
	if names := s.names(); chosen != "" && !slices.Contains(names, chosen) {
		there := "they have no profile"
		if len(names) > 0 {
			there = "give one of " + strings.Join(names, ", ")
		}
		return nil, wrong("--profile: no [profile.%s] in %s; %s", chosen, strings.Join(s.files, " or "), there)
	}
	return s, nil
}

// names are the profiles that the files have.
func (s *settings) names() (names []string) {
	for _, x := range s.all {
		if x.Profile != "" && !slices.Contains(names, x.Profile) {
			names = append(names, x.Profile)
		}
	}
	return names
}

// notSettings are flags that no file can set.
var notSettings = []string{"help", "version", "profile", "needs"}

// inForce are the settings of c, each flag's strongest: a profile beats what
// stands outside of it, the file beside the work the user's, the verb's own
// table what is for all. plan shows what deploy would do, so it takes deploy's.
func (s *settings) inForce(c *cobra.Command) map[string]profile.Setting {
	out := map[string]profile.Setting{}
	rank := func(x profile.Setting) (n int) {
		if x.Profile != "" {
			n += 100
		}
		n += 10 * slices.Index(s.files, x.File)
		return n + slices.Index([]string{"", "deploy", c.Name()}, x.Verb)
	}
	for _, x := range s.all {
		mine := x.Verb == "" || x.Verb == c.Name() || x.Verb == "deploy" && c.Name() == "plan"
		if !mine || x.Key == "" || x.Profile != "" && x.Profile != s.chosen || c.Flags().Lookup(x.Key) == nil {
			continue
		}
		if old, ok := out[x.Key]; !ok || rank(x) > rank(old) {
			out[x.Key] = x
		}
	}
	return out
}

// environment is the variable that speaks for a flag.
var environment = map[string]string{"api": "SPIRE_API", "token-file": "SPIRE_AUTH_TOKEN"}

// apply sets the flags of c that neither the command line nor the environment
// does, and remembers where their values come from. The error is that of the
// first setting which is none for its flag.
func (s *settings) apply(io *stdio, c *cobra.Command) error {
	if slips := s.set(io, c); len(slips) > 0 {
		return slips[0].err
	}
	return nil
}

// A slip is a setting that its flag does not take.
type slip struct {
	profile.Setting
	word string
	err  error
}

func (s *settings) set(io *stdio, c *cobra.Command) (slips []slip) {
	io.from = map[string]profile.Setting{}
	for key, x := range s.inForce(c) {
		f := c.Flags().Lookup(key)
		if f.Changed || strings.TrimSpace(io.getenv(environment[key])) != "" {
			continue
		}
		list, err := words(x, f)
		last := ""
		for _, word := range list {
			if last = word; err == nil && c.Flags().Set(key, word) != nil {
				err = x.Wrong("%s: %q is not %s", key, word, kindOf(f))
			}
		}
		if err != nil {
			slips = append(slips, slip{x, last, err})
			continue
		}
		io.from[key] = x
	}
	slices.SortFunc(slips, func(a, b slip) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return slips
}

// withSettings gives a verb the flag --profile, and the rest of its flags what
// the files say.
func withSettings(c *cobra.Command, io *stdio) {
	var name string
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.StringVar(&name, "profile", "", "take the settings of [profile.`NAME`] too; ground config shows what is in force")
	})
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		if err := empty(c); err != nil {
			return err
		}
		s, err := loadSettings(io, c.Root(), name)
		if err != nil {
			return err
		}
		return s.apply(io, c)
	}
	c.RegisterFlagCompletionFunc("profile", func(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		s, err := loadSettings(io, c.Root(), "")
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return s.names(), cobra.ShellCompDirectiveNoFileComp
	})
}

// empty refuses a flag that is given nothing, as by a variable of a script that
// is not set: without its --run, cancel would take all windows.
func empty(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		text := f.Value.String()
		if list, ok := f.Value.(pflag.SliceValue); ok {
			text = strings.Join(list.GetSlice(), "")
		}
		if text == "" && err == nil {
			err = wrong("--%s is empty; give it a value, or leave it out", f.Name)
		}
	})
	return err
}

// hiddenSetting is a setting that has no use on a command line, where it is an
// argument.
func hiddenSetting(c *cobra.Command, define func(*pflag.FlagSet)) {
	section(c, "This command", func(fs *pflag.FlagSet) {
		define(fs)
		fs.VisitAll(func(f *pflag.Flag) { f.Hidden = true })
	})
}

var flagIn = regexp.MustCompile(`--([a-z][a-z-]*[a-z])`)

// located puts before an error that is about a flag the place in the file that
// its value comes from.
func located(io *stdio, err error) error {
	var told *profile.Error
	m := flagIn.FindStringSubmatch(err.Error())
	if m == nil || errors.As(err, &told) {
		return err
	}
	if s, ok := io.from[m[1]]; ok {
		return s.Wrong("%v", err)
	}
	return err
}

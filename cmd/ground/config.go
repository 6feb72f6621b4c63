package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/deploy"
	"payload-ipc/pkg/ground/tasking"
)

// setting is one row of ground config.
type setting struct {
	Verb  string `json:"verb"` // "" where it is the same for all
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`            // default, environment, file
	Where string `json:"where,omitempty"` // FILE:LINE, or the variable

	Refused string `json:"refused,omitempty"` // why the verb would refuse it
}

// configFile is a place where settings may be.
type configFile struct {
	File string `json:"file"`
	Read bool   `json:"read"`
}

type config struct {
	Profile  string       `json:"profile"`
	Profiles []string     `json:"profiles"`
	Files    []configFile `json:"files"`
	Settings []setting    `json:"settings"`

	refused []string // a sentence each, once
}

func configCommand(io *stdio) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "config [flags] [VERB]",
		GroupID: "tool",
		Short:   "which settings are in force, and where they come from",
		Long: `Shows which settings are in force, and where they come from; with VERB, all
that it takes, with their defaults. Settings are keys of payload-ipc.toml in
the current directory and of ~/.config/payload-ipc/config.toml: the names of
flags, bucket and satellites, at the top for all verbs, below [VERB] for one,
and below [profile.NAME] and [profile.NAME.VERB] for --profile NAME. Flags
beat the environment, and that beats the files. The token is never shown. What
a verb would refuse is marked, and why is said: exit 2.`,
		Example: `  ground config
  ground config --profile test deploy
  ground config --json`,
	}
	section(c, "This command", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print the result as JSON")
	})
	withSettings(c, io)
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return settable(c.Root()), cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		known := settable(c.Root())
		verb := strings.Join(args, " ")
		if verb != "" && !slices.Contains(known, verb) {
			return wrong("settings are those of a verb; give one of %s, or none", strings.Join(known, ", "))
		}
		name, _ := c.Flags().GetString("profile")
		s, err := loadSettings(io, c.Root(), name)
		if err != nil {
			return err
		}
		out, err := s.show(io, c.Root(), verb)
		if err != nil {
			return err
		}
		if asJSON {
			printJSON(io, out)
		} else {
			out.print(io)
		}
		for _, why := range out.refused {
			line(io.err, "ground config: %s", why)
		}
		if len(out.refused) > 0 {
			return told(deploy.Usage)
		}
		return nil
	}
	return c
}

// settable are the verbs that take settings.
func settable(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		if c.Flags().Lookup("profile") != nil {
			names = append(names, c.Name())
		}
	}
	return names
}

// show lists what is in force for a verb, or for all what is set anywhere.
func (s *settings) show(io *stdio, root *cobra.Command, verb string) (config, error) {
	out := config{Profile: s.chosen, Profiles: some(s.names()), Files: []configFile{}, Settings: []setting{}}
	for _, file := range s.files {
		_, err := os.Stat(file)
		out.Files = append(out.Files, configFile{file, err == nil})
	}
	seen := map[setting]bool{}
	for _, c := range root.Commands() {
		if c.Flags().Lookup("profile") == nil || verb != "" && c.Name() != verb {
			continue
		}
		slips := s.set(io, c)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			x := s.row(io, f, verb != "")
			if i := slices.IndexFunc(slips, func(x slip) bool { return x.Key == f.Name }); i >= 0 {
				x.Value, x.From, x.Where = slips[i].word, "file", slips[i].Where()
				if verb == "" {
					x.Verb = slips[i].Verb
				}
			}
			always := verb != "" || f.Name == "api" || x.From != "default"
			if slices.Contains(notSettings, f.Name) || seen[x] || !always {
				return
			}
			seen[x] = true
			out.Settings = append(out.Settings, x)
		})
		for _, x := range slips {
			out.note(x.Key, x.Where(), x.err.Error())
		}
		out.refuse(io, c)
	}
	rank := func(x setting) int { // what is asked for most, and what is for all verbs, comes first
		if i := slices.Index([]string{"token-file", "api", "bucket", "satellites"}, x.Key); i >= 0 {
			return i
		}
		return 9 + min(len(x.Verb), 1)
	}
	slices.SortStableFunc(out.Settings, func(a, b setting) int { return rank(a) - rank(b) })
	out.Settings = slices.Insert(out.Settings, 0, out.token(io))
	return out, nil
}

// refuse has a verb check what is in force for it, as it would before it asks
// anybody, and notes each setting that it refuses: one is taken back to its
// default, to find the next.
func (c *config) refuse(io *stdio, verb *cobra.Command) {
	check := io.checks[verb.Name()]
	for range 100 { // there are fewer flags
		if check == nil { // of config itself
			return
		}
		err := check()
		if err == nil {
			return
		}
		why := located(io, err).Error()
		m := flagIn.FindStringSubmatch(why)
		if m == nil {
			c.note("", "", why)
			return
		}
		from, file := io.from[m[1]]
		where := ""
		switch {
		case file:
			where = from.Where()
		case io.getenv(environment[m[1]]) != "" && environment[m[1]] != "":
			where = environment[m[1]]
			why = where + ": " + why
		}
		c.note(m[1], where, why)
		f := verb.Flags().Lookup(m[1])
		if where == "" || f == nil {
			return // it is another setting that does not go with this default
		}
		delete(io.from, m[1])
		if list, ok := f.Value.(pflag.SliceValue); ok {
			err = list.Replace(nil)
		} else if m[1] == "api" {
			err = f.Value.Set(tasking.DefaultAPI) // its default is the environment's
		} else {
			err = f.Value.Set(f.DefValue)
		}
		if err != nil {
			return
		}
	}
}

// note adds why a setting is refused, to its rows too.
func (c *config) note(key, where, why string) {
	if !slices.Contains(c.refused, why) {
		c.refused = append(c.refused, why)
	}
	for i := range c.Settings {
		if x := &c.Settings[i]; key != "" && x.Key == key && x.Where == where {
			x.Refused = why
		}
	}
}

// row is what is in force for one flag.
func (s *settings) row(io *stdio, f *pflag.Flag, one bool) setting {
	x := setting{Key: f.Name, Value: shortDuration.Replace(f.Value.String() + ")"), From: "default"}
	x.Value = strings.TrimSuffix(x.Value, ")")
	if list, ok := f.Value.(pflag.SliceValue); ok {
		x.Value = strings.Join(list.GetSlice(), ",")
	}
	if u, err := url.Parse(x.Value); err == nil && u.User != nil {
		x.Value = u.Redacted()
	}
	from, ok := io.from[f.Name]
	switch {
	case ok:
		x.From, x.Where = "file", from.Where()
		if from.Verb != "" && !one {
			x.Verb = from.Verb
		}
	case f.Name == "api" && io.getenv("SPIRE_API") != "":
		x.From, x.Where = "environment", "SPIRE_API"
	}
	return x
}

// token says where the token comes from, and never what it is.
func (c *config) token(io *stdio) setting {
	x := setting{Key: "token", From: "default"}
	var err error
	if token := strings.TrimSpace(io.getenv("SPIRE_AUTH_TOKEN")); token != "" {
		x.Value, x.From, x.Where = "set, not shown", "environment", "SPIRE_AUTH_TOKEN"
		if err = checkToken(token); err != nil {
			err = wrong("SPIRE_AUTH_TOKEN: %v", err)
		}
	} else if i := slices.IndexFunc(c.Settings, func(s setting) bool { return s.Key == "token-file" && s.Value != "" }); i >= 0 {
		x.Value, x.From, x.Where = "in "+c.Settings[i].Value, "file", c.Settings[i].Where
		var token string
		if token, err = readToken(c.Settings[i].Value, io); err == nil {
			err = checkToken(token)
		}
		if err != nil {
			err = wrong("%s: %v", x.Where, err)
		}
	}
	if err != nil {
		x.Refused = err.Error()
		c.note("token-file", x.Where, x.Refused)
	}
	return x
}

func (c config) print(io *stdio) {
	for _, f := range c.Files {
		state := "not there"
		if f.Read {
			state = "read"
		}
		line(io.out, "%s: %s", f.File, state)
	}
	switch {
	case c.Profile != "":
		fmt.Fprintln(io.out, "profile: "+c.Profile)
	case len(c.Profiles) > 0:
		line(io.out, "profiles, for --profile: %s", strings.Join(c.Profiles, ", "))
	}
	fmt.Fprintln(io.out)
	t := table{heading: []string{"SETTING", "VALUE", "FROM"}}
	for _, x := range c.Settings {
		key, from := x.Key, x.From
		if x.Verb != "" {
			key = x.Verb + "." + key
		}
		if x.Where != "" {
			from = x.Where
		}
		if x.Refused != "" {
			from += " (refused)"
		}
		t.add(key, orDash(x.Value), from)
	}
	t.write(io.out)
}

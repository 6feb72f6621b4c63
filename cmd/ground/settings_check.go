package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"payload-ipc/pkg/ground/profile"
)

// check refuses a table that is no verb, a key that is no flag, and a value of
// another type than the flag's.
func check(root *cobra.Command, s profile.Setting) error {
	var flags []*pflag.Flag
	var verbs, keys []string
	for _, c := range root.Commands() {
		if c.Flags().Lookup("profile") == nil {
			continue
		}
		verbs = append(verbs, c.Name())
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if slices.Contains(notSettings, f.Name) || s.Verb != "" && s.Verb != c.Name() {
				return
			}
			if keys = append(keys, f.Name); f.Name == s.Key {
				flags = append(flags, f)
			}
		})
	}
	switch {
	case s.Verb != "" && !slices.Contains(verbs, s.Verb):
		return s.Wrong("[%s] is not a verb%s; tables are [profile.NAME] and [VERB], such as [deploy]", s.Verb, meant("", nearest(s.Verb, verbs)))
	case s.Key == "":
		return nil
	case len(flags) == 0 && s.Verb != "":
		return s.Wrong("%s is not a setting%s; it takes the names of the flags of ground %s", s.Key, meant("", nearest(s.Key, keys)), s.Verb)
	case len(flags) == 0:
		return s.Wrong("%s is not a setting%s; a setting has the name of a flag, or is bucket or satellites", s.Key, meant("", nearest(s.Key, keys)))
	}
	for _, f := range flags {
		if f.Value.Type() != flags[0].Value.Type() || f.DefValue != flags[0].DefValue {
			return s.Wrong("%s means different things to different verbs; write it below [VERB], such as [deploy]", s.Key)
		}
	}
	_, err := words(s, flags[0])
	return err
}

// words are the value of s as its flag takes them, one after the other.
func words(s profile.Setting, f *pflag.Flag) ([]string, error) {
	kind, example := "text", `"..."`
	switch f.Value.Type() {
	case "bool":
		if b, ok := s.Value.(bool); ok {
			return []string{fmt.Sprint(b)}, nil
		}
		kind, example = "true or false", "true"
	case "int":
		if n, ok := s.Value.(int64); ok {
			return []string{fmt.Sprint(n)}, nil
		}
		kind, example = "a whole number", "7"
	case "stringSlice", "stringArray":
		list, ok := s.Value.([]any)
		if text, one := s.Value.(string); one {
			list, ok = []any{text}, true
		}
		var out []string
		for _, x := range list {
			text, isText := x.(string)
			ok = ok && isText
			out = append(out, text)
		}
		if ok {
			return out, nil
		}
		kind, example = "a list of texts", `["..."]`
	default:
		if text, ok := s.Value.(string); ok {
			return []string{place(s, f, text)}, nil
		}
		if f.Value.Type() == "duration" {
			kind, example = "a duration", `"24h"`
		}
	}
	return nil, s.Wrong("%s is %s; write it as %s = %s", s.Key, kind, s.Key, example)
}

// place is text, or, for a flag that takes a file, where that lies: ~ is the
// user's, and what is relative is so to the file of the setting.
func place(s profile.Setting, f *pflag.Flag, text string) string {
	if value := f.Annotations[sectionKey][1]; value != "FILE" && value != "DIR" || text == "" {
		return text
	}
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(text, "~/") {
		return filepath.Join(home, text[2:])
	}
	if filepath.IsAbs(text) {
		return text
	}
	return filepath.Join(filepath.Dir(s.File), text)
}

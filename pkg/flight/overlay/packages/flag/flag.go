// Package flag is as much of flag as pflag needs to compile: it can take over
// flags of this package, and there are none aboard.
package flag

type Value interface {
	String() string
	Set(string) error
}

type Flag struct {
	Name, Usage, DefValue string
	Value                 Value
}

type FlagSet struct{}

var CommandLine = &FlagSet{}

func (*FlagSet) VisitAll(func(*Flag)) {}
func (*FlagSet) Parse([]string) error { return nil }
func (*FlagSet) Parsed() bool         { return true }

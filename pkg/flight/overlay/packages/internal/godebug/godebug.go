// Package godebug is internal/godebug for a place without an environment: every
// setting has its default, and nobody counts.
package godebug

// Setting is one GODEBUG setting.
type Setting struct{ name string }

// New returns the setting called name, "#" in front for an undocumented one.
func New(name string) *Setting { return &Setting{name} }

func (s *Setting) Name() string       { return s.name }
func (s *Setting) Undocumented() bool { return s.name != "" && s.name[0] == '#' }
func (s *Setting) String() string     { return s.name + "=" }
func (s *Setting) IncNonDefault()     {}
func (s *Setting) Value() string      { return "" }

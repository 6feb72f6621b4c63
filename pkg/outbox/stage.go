package outbox

// Stage is a locked stage directory and the outbox behind it.
type Stage struct {
	c Config
}

// Open makes the stage directory where it is missing, takes its lock, and asks
// the kernel whether a file can be renamed from it into the outbox.
// Errors: ErrLocked, with nothing touched; else an *Error. After an error
// PublishReceipt, the function, can still leave a word in the outbox.
func Open(c Config) (*Stage, error) { panic("not yet") }

// Close lets the lock go. Every Part must be closed before.
func (s *Stage) Close() error { panic("not yet") }

// Target opens what earlier runs left of NAME (see CheckName) from this
// source. Source is opaque here, at most MaxText bytes; pkg/fetch puts the path
// on the peer into it, not the address, for candidates are one machine.
//
// Every part is read and proven again before Target returns. Parts of another
// source, without a valid cursor, or without one proven byte are removed; parts
// that cannot be read for a reason that may pass are left alone. The error is
// an *Error of the directory itself.
func (s *Stage) Target(name, source string) (*Target, error) { panic("not yet") }

// Target is one NAME and its generations.
type Target struct{}

// Parts are the generations earlier runs left, oldest first, open. The caller
// ends each of them with Publish, PublishPart, Discard or Close.
func (t *Target) Parts() []*Part { panic("not yet") }

// New begins a generation at 0.
func (t *Target) New(id Identity) (*Part, error) { panic("not yet") }

// PublishReceipt publishes r as NAME.receipt.json: call it last. It replaces
// the receipt of an earlier run.
func (t *Target) PublishReceipt(r *Receipt) error { panic("not yet") }

// PublishReceipt leaves a receipt where no Stage could be opened. It uses
// nothing but c.Outbox (and c.FS).
func PublishReceipt(c Config, name string, r *Receipt) error { panic("not yet") }

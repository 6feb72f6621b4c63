package time

// A Location is UTC, which has no cacheZone, or a FixedZone: nothing aboard
// reads zone files or rules for summer time.
type Location struct {
	name                 string
	cacheStart, cacheEnd int64 // of time.go: when cacheZone holds, in Unix seconds
	cacheZone            *zone
}

type zone struct {
	name   string
	offset int // seconds east of UTC
	isDST  bool
}

const (
	alpha = -1 << 63
	omega = 1<<63 - 1
)

var (
	UTC   *Location = &utcLoc
	Local *Location = &localLoc

	utcLoc = Location{name: "UTC"}
	// Local time is UTC, as everything on a satellite is.
	localLoc = Location{name: "UTC"}
)

func (l *Location) get() *Location {
	if l == nil {
		return &utcLoc
	}
	return l
}

func (l *Location) String() string { return l.get().name }

// FixedZone returns a Location that always has the offset, in seconds east of
// UTC.
func FixedZone(name string, offset int) *Location {
	return &Location{name, alpha, omega, &zone{name: name, offset: offset}}
}

func (l *Location) lookup(int64) (name string, offset int, start, end int64, isDST bool) {
	z := l.get().cacheZone
	if z == nil {
		z = &zone{name: "UTC"}
	}
	return z.name, z.offset, alpha, omega, false
}

func (l *Location) lookupName(name string, _ int64) (offset int, ok bool) {
	if z := l.get().cacheZone; z != nil && z.name == name {
		return z.offset, true
	}
	return 0, false
}

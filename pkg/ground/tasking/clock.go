package tasking

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// believable is how far the API's clock may be off ours and still count. A
	// cache that forgets Age makes days of it, and a window days too early finds
	// no program.
	believable = 24 * time.Hour

	// tolerable is how far it may be off without a word.
	tolerable = 2 * time.Minute
)

// simulatedClock is the header by which a rehearsal says that its Date is the
// time of a simulated satellite, and is meant however far it is off ours.
const simulatedClock = "Simulated-Clock"

// clock is what the API's answers told of its time.
type clock struct {
	mu     sync.Mutex
	offset time.Duration // the API's clock minus ours
	dated  bool
	told   map[string]bool // notices given
}

// Now is the API's time, from the Date and Age of its last answer (RFC 9111
// section 4.2.3), so that a laptop's wrong clock moves no window. It is the
// local time where the API has not told any, or one that cannot be believed.
func (c *Client) Now() time.Time {
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	return time.Now().Add(c.clock.offset)
}

// learn takes the time from an answer.
func (c *Client) learn(r request, h http.Header) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return
	}
	old := age(h)
	if r.method == http.MethodGet && old > c.ListingLag() {
		c.notice("age "+r.path, fmt.Sprintf("the answer to %s comes out of a cache and is %s old: what was done since is not in it", r.call(), Span(old)))
	}
	off := time.Until(date.Add(old))
	switch far := off.Abs(); {
	case h.Get(simulatedClock) != "":
	case far > believable:
		c.notice("date", fmt.Sprintf("the API's clock says %s, more than a day off this computer's; it is not believed, and this computer's clock counts",
			date.Add(old).UTC().Format("Mon 2 Jan 2006 15:04:05 UTC")))
		off = 0
	case far > tolerable:
		c.notice("date", fmt.Sprintf("the API's clock is %s off this computer's; the API's counts", Span(far)))
	}
	c.clock.mu.Lock()
	defer c.clock.mu.Unlock()
	// Date has whole seconds: between two answers of one clock the offset seems
	// to move by up to a second, which must not make time go back.
	if c.clock.dated && off < c.clock.offset && c.clock.offset-off < 2*time.Second {
		return
	}
	c.clock.offset, c.clock.dated = off, true
}

// age is how long ago an answer left the API (RFC 9111 section 5.1): the first
// value counts where caches wrote several, and one that cannot be read is none.
func age(h http.Header) time.Duration {
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	n, err := strconv.ParseUint(strings.TrimSpace(first), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// notice tells text, once for each kind.
func (c *Client) notice(kind, text string) {
	c.clock.mu.Lock()
	first := !c.clock.told[kind]
	if c.clock.told == nil {
		c.clock.told = map[string]bool{}
	}
	c.clock.told[kind] = true
	c.clock.mu.Unlock()
	if first && c.Notice != nil {
		c.Notice(text)
	}
}

package campaign

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"time"
)

// A journal writes the log that is fetched, and remembers every byte of it: the
// oracle. Its lines are numbered on through all generations, so that no two
// stretches of it are alike.
type journal struct {
	path string
	line int64

	mu   sync.Mutex
	gens []*generation
	f    *os.File
}

// A generation is the log between two rotations or truncations.
type generation struct {
	born   time.Time
	gone   time.Time // truncated, zero if it is still there under some name
	past   time.Time // no longer under the log's own name
	body   []byte
	marks  []mark
	number int
}

// A mark is a length and since when.
type mark struct {
	at   time.Time
	size int
}

// at is the length at t.
func (g *generation) at(t time.Time) (size int) {
	for _, m := range g.marks {
		if m.at.After(t) {
			break
		}
		size = m.size
	}
	return size
}

func newJournal(path string, size int64) (*journal, error) {
	j := &journal{path: path}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j, j.begin(size)
}

// begin opens a new generation of size bytes or a line more.
func (j *journal) begin(size int64) error {
	f, err := os.OpenFile(j.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	j.f = f
	j.gens = append(j.gens, &generation{born: time.Now(), number: len(j.gens) + 1})
	if size == 0 {
		return nil
	}
	return j.write(size)
}

// write appends whole lines of size bytes in all, or a line more.
func (j *journal) write(size int64) error {
	g := j.gens[len(j.gens)-1]
	var b bytes.Buffer
	for int64(b.Len()) < size {
		j.line++
		fmt.Fprintf(&b, "%08d g%d kernel: macb ff0e0000.ethernet eth0: link up %x\n", j.line, g.number, j.line*2654435761)
	}
	// Noted first: whoever sees a byte on the disk finds it in the oracle.
	g.body = append(g.body, b.Bytes()...)
	_, err := j.f.Write(b.Bytes())
	g.marks = append(g.marks, mark{time.Now(), len(g.body)})
	return err
}

func (j *journal) rotate(burst int64, gap time.Duration) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.gens[len(j.gens)-1].past = time.Now()
	j.f.Close()
	os.Remove(j.path + ".2")
	os.Rename(j.path+".1", j.path+".2")
	if err := os.Rename(j.path, j.path+".1"); err != nil {
		return err
	}
	time.Sleep(gap)
	return j.begin(burst)
}

func (j *journal) truncate(burst int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	g := j.gens[len(j.gens)-1]
	g.past = time.Now()
	g.gone = g.past
	if err := j.f.Truncate(0); err != nil {
		return err
	}
	j.f.Close()
	return j.begin(burst)
}

// live keeps writing, rotating and truncating as o says, from begin on, until
// ctx ends.
func (j *journal) live(ctx context.Context, s Schedule, o Overlap, begin time.Time) error {
	rotate, truncate := o.Rotate, o.Truncate
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if len(rotate) > 0 && now.Sub(begin) >= rotate[0] {
				rotate = rotate[1:]
				if err := j.rotate(s.Burst, 20*time.Millisecond); err != nil {
					return err
				}
			}
			if len(truncate) > 0 && now.Sub(begin) >= truncate[0] {
				truncate = truncate[1:]
				if err := j.truncate(s.Burst); err != nil {
					return err
				}
			}
			if s.Growth > 0 {
				j.mu.Lock()
				err := j.write(s.Growth / 20)
				j.mu.Unlock()
				if err != nil {
					return err
				}
			}
		}
	}
}

// whose says from which generation body comes and where in it; nil: from none,
// or from more than one.
func (j *journal) whose(body []byte) (*generation, int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, g := range j.gens {
		if bytes.HasPrefix(g.body, body) {
			return g, 0
		}
	}
	for _, g := range j.gens {
		if i := bytes.Index(g.body, body); i >= 0 {
			return g, i
		}
	}
	return nil, 0
}

package review

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"payload-ipc/pkg/ground/plan"
)

type viewer struct {
	b     *Bucket
	cut   bool // the listing is not whole
	files []file
	logs  []file

	surveys  []file
	surveyed []Survey

	read  []*Log
	used  map[string]bool   // keys that a receipt vouches for
	owner map[string]string // the run that brought a key, where a receipt vouches for its bytes
	sums  map[string]summed
	runs  map[[2]string]*Run

	mu           sync.Mutex
	unread       []Unread
	lostReceipts int // receipts that are listed and cannot be read
}

// summed is an object's digest, or why there is none.
type summed struct {
	hex string
	err error
}

// atOnce is how many objects are read side by side.
const atOnce = 8

// failed notes an object that cannot be read.
func (v *viewer) failed(key string, err error) {
	var u *Unread
	if !errors.As(err, &u) {
		u = &Unread{key, err.Error()}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.ContainsFunc(v.unread, func(o Unread) bool { return o.Key == key }) {
		v.unread = append(v.unread, *u)
	}
}

func (v *viewer) add(f file, run string, it Item) {
	key := [2]string{f.satellite, run}
	r := v.runs[key]
	if r == nil {
		r = &Run{ID: run, Satellite: f.satellite}
		v.runs[key] = r
	}
	r.Items = append(r.Items, it)
	if it.stamp.After(r.Last) {
		r.Last = it.stamp
	}
}

// receipts reads them all. One that cannot be read or used is an item of no
// run, which says what is wrong with it.
func (v *viewer) receipts(ctx context.Context, list []file) (good []paired) {
	found := make([]*Receipt, len(list))
	why := make([]string, len(list))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, f := range list {
		g.Go(func() error {
			if f.Size > maxReceipt {
				why[i] = fmt.Sprintf("the receipt cannot be used: it has %s bytes", plan.Grouped(f.Size))
				return nil
			}
			data, err := v.b.bytes(ctx, f, maxReceipt)
			if err != nil {
				why[i] = "the receipt " + err.Error()
				v.failed(f.Key, err)
				v.mu.Lock()
				v.lostReceipts++
				v.mu.Unlock()
				return nil
			}
			if found[i], err = parseReceipt(data); err != nil {
				why[i] = "the receipt cannot be used: " + err.Error()
			}
			return nil
		})
	}
	g.Wait()
	for i, f := range list {
		if found[i] != nil && why[i] == "" {
			good = append(good, paired{file: f, r: found[i]})
			continue
		}
		v.add(f, "", Item{Name: f.name, Key: f.Key, Verdict: Partial, Why: why[i], stamp: f.stamp})
	}
	return good
}

func deref(p *Published) []Published {
	if p == nil {
		return nil
	}
	return []Published{*p}
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

func proof(verified string) string {
	switch verified {
	case "digest":
		return "proven piece by piece against the server"
	case "overlap":
		return "continuations proven by re-reading"
	case "length":
		return "of the length that the server told, which is all it could prove"
	}
	return "without proof from the server"
}

// find is the nearest file of the same satellite that fits, not yet vouched
// for, with these very bytes; or why one of their number cannot be read.
func (v *viewer) find(ctx context.Context, near file, fits func(string) bool, size int64, sum string) (key string, unread error) {
	key, unread = v.same(ctx, v.nearest(near, fits), size, sum)
	if key != "" {
		v.used[key] = true
		return key, nil
	}
	var u *Unread
	if errors.As(unread, &u) {
		v.used[u.Key] = true // a receipt speaks of it, though nobody can check it
	}
	return "", unread
}

// same is the first of list with these very bytes; or why one of their number
// cannot be read.
func (v *viewer) same(ctx context.Context, list []file, size int64, sum string) (key string, unread error) {
	for _, f := range list {
		if f.Size != size {
			continue
		}
		have, ok := v.sums[f.Key]
		if !ok {
			have.hex, have.err = v.b.sum(ctx, f)
			v.sums[f.Key] = have
		}
		if have.err != nil {
			v.failed(f.Key, have.err)
			if unread == nil {
				unread = have.err
			}
			continue
		}
		if strings.EqualFold(have.hex, sum) {
			return f.Key, nil
		}
	}
	return "", unread
}

// other is a file of the receipt's own stamp that fits but is not the one.
func (v *viewer) other(near file, fits func(string) bool) string {
	for _, f := range v.nearest(near, fits) {
		if f.stamp.Sub(near.stamp).Abs() <= time.Hour {
			return f.Key
		}
	}
	return ""
}

func (v *viewer) nearest(near file, fits func(string) bool) []file {
	var out []file
	for _, f := range v.files {
		if f.satellite == near.satellite && fits(f.name) && !v.used[f.Key] {
			out = append(out, f)
		}
	}
	byDistance(out, near)
	return out
}

func byDistance(list []file, near file) {
	slices.SortStableFunc(list, func(a, b file) int {
		return cmp.Compare(a.stamp.Sub(near.stamp).Abs(), b.stamp.Sub(near.stamp).Abs())
	})
}

// suspects are files without a receipt: of a run that is known by its logs only,
// or of nobody.
func (v *viewer) suspects() {
	for _, f := range v.files {
		if v.used[f.Key] {
			continue
		}
		it := Item{Name: f.name, Key: f.Key, Verdict: Partial, stamp: f.stamp,
			Why: fmt.Sprintf("%s bytes without a receipt: it may be cut, or its receipt comes with a later contact", plan.Grouped(f.Size))}
		if r := v.lostNear(f); r != nil {
			r.Items = append(r.Items, it)
			continue
		}
		v.add(f, "", it)
	}
}

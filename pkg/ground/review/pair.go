package review

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

type viewer struct {
	b     *Bucket
	files []file
	logs  []file
	read  []*Log
	used  map[string]bool // keys that a receipt vouches for
	sums  map[string]string
	runs  map[[2]string]*Run
}

func (v *viewer) add(f file, run string, it Item) {
	it.stamp = f.stamp
	key := [2]string{f.satellite, run}
	r := v.runs[key]
	if r == nil {
		r = &Run{ID: run, Satellite: f.satellite}
		v.runs[key] = r
	}
	r.Items = append(r.Items, it)
	if f.stamp.After(r.Last) {
		r.Last = f.stamp
	}
}

// receipt reads one; an item without a receipt says what is wrong with it.
func (v *viewer) receipt(ctx context.Context, f file) (Item, error) {
	bad := Item{Name: f.name, Key: f.Key, Verdict: Partial}
	if f.Size > maxReceipt {
		bad.Why = fmt.Sprintf("the receipt cannot be used: it has %d bytes", f.Size)
		return bad, nil
	}
	rc, err := v.b.Get(ctx, f.Key)
	if err != nil {
		return bad, err
	}
	defer rc.Close()
	data, err := io.ReadAll(io.LimitReader(rc, maxReceipt))
	if err != nil {
		return bad, fmt.Errorf("reading %s: %w", f.Key, err)
	}
	r, err := parseReceipt(data)
	if err != nil {
		bad.Why = "the receipt cannot be used: " + err.Error()
		return bad, nil
	}
	return Item{Receipt: r}, nil
}

// item judges what r says against what came down.
func (v *viewer) item(ctx context.Context, f file, r *Receipt) (Item, error) {
	it := Item{Name: r.Name, Receipt: r}
	for _, p := range append(slices.Clone(r.Sealed), deref(r.Earlier)...) {
		if key, err := v.find(ctx, f, func(n string) bool { return n == p.Name }, p.Size, p.SHA256); err != nil {
			return it, err
		} else if key != "" {
			it.Notes = append(it.Notes, fmt.Sprintf("%s beside it, %d bytes, is an older piece and whole as such", p.Name, p.Size))
		}
	}
	if r.Status == "failed" || r.SHA256 == nil {
		it.Verdict, it.Why = Missing, "nothing came: "+orElse(r.Reason, "the receipt gives no reason")
		return it, nil
	}
	fits := func(n string) bool { return n == r.Name }
	if r.Status == "partial" {
		fits = func(n string) bool { return n == r.Name || partOf(n, r.Name) }
	}
	key, err := v.find(ctx, f, fits, r.Size, *r.SHA256)
	if err != nil {
		return it, err
	}
	it.Key = key
	switch {
	case key != "" && r.Status == "complete":
		it.Verdict, it.Why = Delivered, fmt.Sprintf("whole, %d bytes, sha256 as in the receipt, %s", r.Size, proof(r.Verified))
	case key != "":
		of := "an unknown total"
		if r.Total != nil {
			of = fmt.Sprint(*r.Total)
		}
		it.Verdict, it.Why = Partial, fmt.Sprintf("%d bytes of %s, sha256 as in the receipt: %s", r.Size, of, orElse(r.Reason, "the receipt gives no reason"))
	case v.other(f, fits) != "":
		o := v.other(f, fits)
		v.used[o] = true
		it.Key, it.Verdict, it.Why = o, Partial, fmt.Sprintf("a file of this name came down, but not the %d bytes that the receipt vouches for", r.Size)
	default:
		it.Verdict, it.Why = Missing, "the receipt came down, the file has not (yet); a later contact may bring it"
	}
	if r.Clock == "untrusted" {
		it.Notes = append(it.Notes, "the payload's clock was not set: its times are not to be believed")
	}
	return it, nil
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
// for, with these very bytes.
func (v *viewer) find(ctx context.Context, near file, fits func(string) bool, size int64, sum string) (string, error) {
	for _, f := range v.nearest(near, fits) {
		if f.Size != size {
			continue
		}
		have, err := v.sum(ctx, f.Key)
		if err != nil {
			return "", err
		}
		if strings.EqualFold(have, sum) {
			v.used[f.Key] = true
			return f.Key, nil
		}
	}
	return "", nil
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
	slices.SortStableFunc(out, func(a, b file) int {
		return cmp.Compare(a.stamp.Sub(near.stamp).Abs(), b.stamp.Sub(near.stamp).Abs())
	})
	return out
}

func (v *viewer) sum(ctx context.Context, key string) (string, error) {
	if s, ok := v.sums[key]; ok {
		return s, nil
	}
	rc, err := v.b.Get(ctx, key)
	if err != nil {
		return "", err
	}
	defer rc.Close()
	h := sha256.New()
	if _, err := io.Copy(h, rc); err != nil {
		return "", fmt.Errorf("reading %s: %w", key, err)
	}
	v.sums[key] = hex.EncodeToString(h.Sum(nil))
	return v.sums[key], nil
}

// suspects are files without a receipt.
func (v *viewer) suspects() {
	for _, f := range v.files {
		if !v.used[f.Key] {
			v.add(f, "", Item{Name: f.name, Key: f.Key, Verdict: Partial,
				Why: fmt.Sprintf("%d bytes without a receipt: it may be cut, or its receipt comes with a later contact", f.Size)})
		}
	}
}

package review

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"payload-ipc/pkg/flight/outbox"
	"payload-ipc/pkg/ground/plan"
)

// Download is one file that a receipt vouches for, on its way to the desk.
type Download struct {
	Run    string `json:"run"`
	Name   string `json:"name"`   // as it lies here: a part ends in .part
	File   string `json:"file"`   // where it lies here
	Key    string `json:"key"`    // where it lies in the bucket
	Bytes  int64  `json:"bytes"`  // as the receipt says
	SHA256 string `json:"sha256"` // hex
	Part   bool   `json:"part"`   // less than the whole file

	receipt *Receipt
}

// Downloads are the files of the report's runs that are as their receipts say,
// each below dir in a directory named after its run. Names come from the bucket,
// and are made harmless. An unchanged file is that of the run which published it;
// runs without a name share a directory, and an object comes into it once.
func (rep *Report) Downloads(dir string) (out []Download) {
	for _, r := range rep.Runs {
		for _, it := range r.Items {
			if it.Receipt == nil {
				continue
			}
			if it.proven && it.Receipt.SHA256 != nil {
				out = append(out, download(dir, r.ID, it, it.Key, it.Receipt.Size, *it.Receipt.SHA256, it.Verdict != Delivered))
			}
			for _, p := range it.sealed {
				out = append(out, download(dir, r.ID, it, p.key, p.Size, p.SHA256, true))
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(d Download) bool {
		again := seen[d.File+"\n"+d.Key]
		seen[d.File+"\n"+d.Key] = true
		return again
	})
}

// Lack is a file that was to come and that Downloads has not.
type Lack struct {
	Run, Name string
	Verdict   Verdict
	Why       string
}

// Lacks are what the report's runs were to bring and Downloads has not, without
// the runs that another one of the report completed; what is of no run comes last.
func (rep *Report) Lacks() (out []Lack) {
	for _, r := range rep.Runs {
		if r.CompletedBy != "" && slices.ContainsFunc(rep.Runs, func(by *Run) bool { return by.ID == r.CompletedBy && by.Satellite == r.Satellite }) {
			continue
		}
		for _, it := range r.Items {
			if it.Receipt == nil || !it.proven || it.Receipt.SHA256 == nil {
				out = append(out, Lack{r.ID, it.Label(), it.Verdict, it.Why})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Lack) int { return cmp.Compare(min(1, len(b.Run)), min(1, len(a.Run))) })
	return out
}

func download(dir, run string, it Item, key string, size int64, sum string, part bool) Download {
	name := key
	if f, ok := parseKey(Object{Key: key}); ok {
		name = f.name
	}
	name = outbox.EscapeName(name)
	return Download{Run: run, Name: name, File: filepath.Join(dir, outbox.EscapeName(run), name), Key: key,
		Bytes: size, SHA256: strings.ToLower(sum), Part: part, receipt: it.Receipt}
}

// ErrOther is a file that is here already, with other bytes. It is left alone.
var ErrOther = errors.New("is here already, with other bytes")

// Get brings d to the desk: into a file beside its own, from where an earlier
// Get left off, checked as a whole, synced, and renamed. The receipt comes with
// it. moved is told the bytes that are here. here: it was there already.
func (b *Bucket) Get(ctx context.Context, d Download, moved func(int64)) (here bool, err error) {
	if sum, err := fileSum(d.File); err == nil {
		if sum != d.SHA256 {
			return true, fmt.Errorf("%s %w; move it away, or give another directory", d.File, ErrOther)
		}
		moved(d.Bytes)
		return true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot look at %s: %w", d.File, err)
	}
	if err := os.MkdirAll(filepath.Dir(d.File), 0o755); err != nil {
		return false, fmt.Errorf("cannot make the directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(filepath.Dir(d.File), "."+d.Name+".get"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, fmt.Errorf("cannot write here: %w", err)
	}
	defer f.Close()
	for fresh := false; ; fresh = true {
		if err := b.resume(ctx, f, d, moved); err != nil {
			return false, err
		}
		sum, err := readerSum(io.NewSectionReader(f, 0, d.Bytes+1))
		if err != nil {
			return false, err
		}
		if sum == d.SHA256 {
			break
		}
		// What an earlier run left may be of another object.
		if err := f.Truncate(0); err != nil || fresh {
			os.Remove(f.Name())
			return false, errors.Join(fmt.Errorf("%s came, but not the %s bytes that the receipt vouches for", d.Key, plan.Grouped(d.Bytes)), err)
		}
	}
	if err := errors.Join(f.Sync(), os.Rename(f.Name(), d.File)); err != nil {
		return false, err
	}
	receipt := filepath.Join(filepath.Dir(d.File), outbox.EscapeName(d.receipt.Name+receiptSuffix))
	return false, os.WriteFile(receipt, d.receipt.raw, 0o644)
}

// resume appends what f lacks of d, as often as the body breaks off and some of
// it came.
func (b *Bucket) resume(ctx context.Context, f *os.File, d Download, moved func(int64)) error {
	for tries := 0; ; tries++ {
		at, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		if at > d.Bytes {
			if at, err = 0, f.Truncate(0); err != nil {
				return err
			}
		}
		if at == d.Bytes && at > 0 {
			return nil
		}
		in := &s3.GetObjectInput{Bucket: &b.Name, Key: &d.Key}
		if at > 0 {
			in.Range = aws.String(fmt.Sprintf("bytes=%d-", at))
		}
		o, err := b.client.GetObject(ctx, in)
		if err == nil {
			if at > 0 && !strings.HasPrefix(aws.ToString(o.ContentRange), fmt.Sprintf("bytes %d-", at)) {
				at, err = 0, f.Truncate(0) // the server does not know ranges: all of it comes
			}
			if err == nil {
				_, err = f.Seek(at, io.SeekStart)
			}
			if err == nil {
				err = copyTo(f, o.Body, at, moved)
			}
			o.Body.Close()
			var local *fs.PathError
			if errors.As(err, &local) {
				return err
			}
		}
		now, _ := f.Seek(0, io.SeekEnd)
		switch {
		case err == nil && now >= d.Bytes:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = io.ErrUnexpectedEOF
		}
		if now > at {
			tries = 0
		}
		if tries+1 >= readTries || errors.Is(err, errSilent) {
			return &Unread{d.Key, explainObject(err)}
		}
	}
}

func copyTo(f *os.File, r io.Reader, at int64, moved func(int64)) error {
	buf := make([]byte, 256<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := f.Write(buf[:n]); err != nil {
				return err
			}
			at += int64(n)
			moved(at)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func fileSum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return readerSum(f)
}

func readerSum(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), err
}

package mockfm

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// A bucket is what the user sees of the ground segment: files that came down,
// as S3 objects and as a plain tree under dir.
type bucket struct {
	dir   string
	store *s3mem.Backend
	clock *clock

	mu    sync.Mutex
	queue []downlink
}

// A downlink is one file that left its outbox and has not come down yet.
type downlink struct {
	key  string
	file string // where its bytes wait
	left time.Time
}

// objectTime lets objects carry satellite time.
type objectTime struct{ c *clock }

func (t objectTime) Now() time.Time                     { return t.c.now() }
func (t objectTime) Since(then time.Time) time.Duration { return t.c.now().Sub(then) }

func newBucket(dir string, c *clock) *bucket {
	b := &bucket{dir: dir, clock: c, store: s3mem.New(s3mem.WithTimeSource(objectTime{c}))}
	if err := b.store.CreateBucket(Bucket); err != nil {
		panic(err) // an empty store has no such bucket
	}
	return b
}

func (b *bucket) handler() http.Handler {
	// Requests are signed with the host's time: no skew check.
	return gofakes3.New(b.store, gofakes3.WithTimeSkewLimit(0), gofakes3.WithoutVersioning()).Server()
}

// leave queues one file for the next contact. Its key names neither payload
// nor window (docs/platform.md, Downlink).
func (b *bucket) leave(satellite, name, file string, at time.Time) {
	at = at.UTC()
	key := path.Join(Prefix, satellite, "downlink", at.Format("2006/01/02"), at.Format("20060102T150405Z_")+name)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, downlink{key, file, at})
}

func (b *bucket) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// land puts what left before the contact into the bucket, each file whole or
// not at all, and returns the keys.
func (b *bucket) land(contact time.Time) (keys []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var later []downlink
	for _, d := range b.queue {
		if !d.left.Before(contact) {
			later = append(later, d)
			continue
		}
		body, err := os.ReadFile(d.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the state directory was taken from under us
		}
		if err != nil || b.put(path.Dir(d.key)+"/", nil) != nil || b.put(d.key, body) != nil {
			later = append(later, d)
			continue
		}
		keys = append(keys, d.key)
		os.Remove(d.file)
	}
	b.queue = later
	return keys
}

func (b *bucket) put(key string, body []byte) error {
	// The header comes from here, the listing's date from the time source.
	meta := map[string]string{"Last-Modified": b.clock.now().Format(http.TimeFormat)}
	_, err := b.store.PutObject(Bucket, key, meta, bytes.NewReader(body), int64(len(body)), nil)
	if err != nil {
		return err
	}
	file := filepath.Join(b.dir, filepath.FromSlash(key))
	if key[len(key)-1] == '/' { // a date folder
		return os.MkdirAll(file, 0o755)
	}
	return os.WriteFile(file, body, 0o644)
}

// listed is one object, for the page.
type listed struct {
	Key  string
	Size int64
	At   time.Time
}

func (b *bucket) list() ([]listed, error) {
	all, err := b.store.ListBucket(Bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		return nil, err
	}
	var rows []listed
	for _, c := range all.Contents {
		rows = append(rows, listed{c.Key, c.Size, c.LastModified.Time})
	}
	return rows, nil
}

package tasking

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
)

// MaxFile is the largest file that the API takes, bytes.
const MaxFile = 10_000_000

// Upload is one that the API lists. Status is PENDING, UPLOADING, UPLOADED or
// something undocumented. The API tells neither size nor hash nor time.
type Upload struct {
	ID          string
	Satellite   string
	Payload     string // "SDR", also where the API says PAYLOAD_SDR
	Destination string
	Status      string
}

// UploadRequest is a file to be sent.
type UploadRequest struct {
	Satellite   string
	Payload     string
	Destination string
	Executable  bool
	ITAR        bool   // only through ground stations in the US
	File        string // local path
	Size        int64  // bytes, as planned; the file must still have them
}

// Uploads lists all uploads of the token, of every satellite.
func (c *Client) Uploads(ctx context.Context) ([]Upload, error) {
	r := request{method: "GET", path: "uploads"}
	data, err := c.idempotent(ctx, r)
	if err != nil {
		return nil, err
	}
	items, err := list[struct {
		ID          text `json:"id"`
		Satellite   text `json:"satellite_id"`
		Payload     text `json:"payload"`
		Destination text `json:"destination_path"`
		Status      text `json:"status"`
	}](data)
	if err != nil {
		return nil, &Error{Call: r.call(), Err: err, fatal: true}
	}
	var out []Upload
	for _, it := range items {
		if it.ID == "" && it.Destination == "" {
			return nil, &Error{Call: r.call(), Err: errNotJSON, fatal: true}
		}
		out = append(out, Upload{it.ID.String(), it.Satellite.String(),
			strings.TrimPrefix(it.Payload.String(), "PAYLOAD_"), it.Destination.String(), it.Status.String()})
	}
	return out, nil
}

// Same reports whether u is an upload of the same file to the same place that
// still counts: destinations hold the content's hash.
func (u Upload) Same(r UploadRequest) bool {
	return u.Satellite == r.Satellite && u.Payload == r.Payload && u.Destination == r.Destination && Live(u.Status)
}

// Upload sends a file. moved is told how many bytes
// of the file this try has sent; it may start again at 0. Before a second try
// the listing is asked whether the first took effect.
func (c *Client) Upload(ctx context.Context, u UploadRequest, moved func(sent int64)) (Created, error) {
	q := url.Values{
		"satellite_id":     {u.Satellite},
		"payload":          {u.Payload},
		"destination_path": {u.Destination},
		"executable":       {strconv.FormatBool(u.Executable)},
	}
	if u.ITAR {
		q.Set("itar", "true")
	}
	// The frame around the file is made first, so that the length is known and
	// the file itself is streamed.
	var frame strings.Builder
	m := multipart.NewWriter(&frame)
	if _, err := m.CreateFormFile("file", path.Base(u.Destination)); err != nil {
		return Created{}, &Error{Call: "POST /tasking/upload", Err: err, fatal: true}
	}
	head := frame.String()
	frame.Reset()
	m.Close()
	tail := frame.String()

	r := request{
		method: "POST", path: "upload", query: q, ctype: m.FormDataContentType(),
		size: int64(len(head)) + u.Size + int64(len(tail)), stalled: c.try(),
	}
	r.body = func() (io.ReadCloser, error) {
		f, err := os.Open(u.File)
		if err != nil {
			return nil, err
		}
		if fi, err := f.Stat(); err != nil || fi.Size() != u.Size {
			f.Close()
			return nil, errors.New(u.File + " changed since it was planned; run again")
		}
		if moved == nil {
			moved = func(int64) {}
		}
		content := &counted{r: io.LimitReader(f, u.Size), moved: moved}
		return &part{io.MultiReader(strings.NewReader(head), content, strings.NewReader(tail)), f}, nil
	}
	find := func(ctx context.Context) (sighting, error) {
		us, err := c.Uploads(ctx)
		if err != nil {
			return sighting{}, err
		}
		for _, have := range us {
			if have.Same(u) {
				return sighting{id: have.ID}, nil
			}
		}
		return sighting{}, nil
	}
	return c.ensure(ctx, ctx, r, find)
}

// part closes the file with the request's body.
type part struct {
	io.Reader
	io.Closer
}

type counted struct {
	r     io.Reader
	n     int64
	moved func(int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.moved(c.n)
	return n, err
}

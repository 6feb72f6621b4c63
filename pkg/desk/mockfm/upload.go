package mockfm

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// maxUpload is the largest file the uplink takes (docs/platform.md).
const maxUpload = 10_000_000

func (m *Mock) postUpload(r *http.Request) (any, error) {
	q := r.URL.Query()
	s, err := m.satellite(q.Get("satellite_id"))
	if err != nil {
		return nil, err
	}
	u := &upload{satellite: s.ID, payload: findPayload(q.Get("payload")), status: Pending}
	if u.payload == nil {
		return nil, refuse(http.StatusBadRequest, "there is no payload %q", q.Get("payload"))
	}
	var ok bool
	if u.path, ok = destination(q.Get("destination_path")); !ok {
		return nil, refuse(http.StatusBadRequest, "destination_path %q is not an absolute path to a file in a writable place", q.Get("destination_path"))
	}
	if u.executable, err = yesNo(q.Get("executable")); err != nil {
		return nil, refuse(http.StatusBadRequest, "executable: %v", err)
	}
	if _, err = yesNo(q.Get("itar")); err != nil {
		return nil, refuse(http.StatusBadRequest, "itar: %v", err)
	}
	body, err := formFile(r)
	if err != nil {
		return nil, err
	}
	u.size = int64(len(body))
	u.id = uuid()
	if err := os.MkdirAll(m.uploadDir(), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(m.uploadFile(u), body, 0o644); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u.asked = m.clock.now()
	u.made = time.Now()
	m.uploads = append(m.uploads, u)
	m.wake()
	m.note("%s %s upload %s: %d bytes for %s", u.satellite, u.payload.name, u.id, u.size, u.path)
	return map[string]string{"id": u.id}, nil
}

// formFile reads the multipart field "file", and nothing else, without ever
// holding more than the uplink takes.
func formFile(r *http.Request) ([]byte, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "not a multipart form: %v", err)
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "no field named file in the form: %v", err)
		}
		if part.FormName() != "file" {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(part, maxUpload+1))
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "the upload broke off: %v", err)
		}
		if len(body) > maxUpload {
			return nil, refuse(http.StatusRequestEntityTooLarge, "files of at most %d bytes go up", maxUpload)
		}
		if _, err := parts.NextPart(); err != nil && err != io.EOF {
			return nil, refuse(http.StatusBadRequest, "the form broke off: %v", err)
		}
		return body, nil
	}
}

func (m *Mock) getUploads(r *http.Request) (any, error) {
	type row struct {
		Satellite  string `json:"satellite_id"`
		Payload    string `json:"payload"`
		Path       string `json:"destination_path"`
		Executable bool   `json:"executable"`
		Status     string `json:"status"`
		ID         string `json:"id"`
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := []row{}
	for _, u := range m.uploads {
		if !u.shown(r) {
			continue
		}
		rows = append(rows, row{u.satellite, u.payload.name, u.path, u.executable, u.status, u.id})
	}
	return rows, nil
}

func yesNo(s string) (bool, error) {
	if s == "" {
		return false, nil
	}
	return strconv.ParseBool(s)
}

func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func (m *Mock) uploadDir() string { return filepath.Join(m.cfg.State, "uploads") }

// drop forgets an upload's bytes once they are delivered.
func (m *Mock) drop(u *upload) { os.Remove(m.uploadFile(u)) }

func (m *Mock) uploadFile(u *upload) string { return filepath.Join(m.cfg.State, "uploads", u.id) }

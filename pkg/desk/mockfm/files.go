package mockfm

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"unicode/utf8"
)

// serveFiles shows what came down: all keys at /files/, one object below it.
// Text is shown as text, never as a page, whatever its name says.
func (m *Mock) serveFiles(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	if key == "" {
		all, err := m.files.list()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		pageHead(w)
		page.ExecuteTemplate(w, "all", map[string]any{"Files": all, "Bucket": Bucket})
		return
	}
	body, err := m.files.read(key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "there is no such file in the bucket", http.StatusNotFound)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	kind := "application/octet-stream"
	if utf8.Valid(body) {
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(body)
}

// read returns an object's bytes from the plain tree.
func (b *bucket) read(key string) ([]byte, error) {
	root, err := os.OpenRoot(b.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(key)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return root.ReadFile(key)
}

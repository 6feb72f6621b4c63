package mockfm

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"payload-ipc/pkg/ground/plan"
	"payload-ipc/pkg/ground/timeline"
)

//go:embed page
var pageFiles embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"mood":  mood,
	"bytes": func(n int64) string { return some(n, "byte") },
	"files": func(n int) string { return some(int64(n), "file") },
	"group": plan.Grouped,
	"stamp": func(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04:05") },
	"clock": func(t time.Time) string { return t.UTC().Format("15:04:05") },
	"short": func(t time.Time) string { return t.UTC().Format("2 Jan 15:04:05") },
	"ms":    func(t time.Time) int64 { return t.UnixMilli() },
	"unix":  func(t time.Time) int64 { return t.Unix() },
	"span":  func(from, to time.Time) int64 { return int64(to.Sub(from) / time.Second) },
	"base":  func(key string) string { return key[strings.LastIndexByte(key, '/')+1:] },
	"link":  func(key string) string { return (&url.URL{Path: "/files/" + key}).EscapedPath() },
	"half":  func(label string) float64 { return 0.3 * float64(len(label)) }, // of its width, in em
	"words": func(s string) []string { return strings.Split(s, " ") },
	// A browser breaks lines after a dash, and so would tear --until.
	"dashed": func(word string) bool { return strings.Contains(word, "-") },
	// A browser lays out of a long list what is on the screen, by chunks.
	"chunks": func(all []listed) [][]listed { return slices.Collect(slices.Chunk(all, 100)) },
	"word":   word,
	"folder": func(key string) bool { return strings.HasSuffix(key, "/") },
	"css":    func() template.CSS { return template.CSS(timeline.Style + pageFile("page.css")) },
	"js":     func() template.JS { return template.JS(pageFile("page.js")) },
}).ParseFS(pageFiles, "page/*.html"))

func some(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return plan.Grouped(n) + " " + what
}

func pageFile(name string) string {
	b, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// pagePolicy lets a page load nothing but its own events, and run no script but
// its own: what it shows came from programs and their names.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageFile("page.js")))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-" +
		base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// word is one word of a command, quoted if a person could not tell where it
// ends.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r\n\"'\\") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}

// boot tells a page that outlived its mockfm to load itself again.
var boot = rand.Text()

func pageHead(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// servePage shows a person what the satellites are at. Without a script it is
// whole, as of now; with it, it follows serveEvents.
func (m *Mock) servePage(w http.ResponseWriter, r *http.Request) {
	events, count, _ := m.feed.since(0)
	parts, err := m.parts()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	pageHead(w)
	page.Execute(w, map[string]any{
		"Parts": parts, "Events": newest(events), "Count": count, "Boot": boot,
		"Time": m.time(), "S3": m.s3u, "Bucket": Bucket,
	})
}

// newest events first, as many as are shown.
func newest(events []Event) []Event {
	events = slices.Clone(events[max(0, len(events)-shownEvents):])
	slices.Reverse(events)
	return events
}

// A part of the page is sent again when it has changed.
type part struct {
	ID   string        `json:"id"`
	Sum  string        `json:"sum"`
	HTML template.HTML `json:"html"`
}

func (m *Mock) parts() ([]part, error) {
	v, err := m.look()
	if err != nil {
		return nil, err
	}
	var parts []part
	render := func(id, name string, data any) {
		var b bytes.Buffer
		if err := page.ExecuteTemplate(&b, name, data); err != nil {
			panic(err) // the template does not fit the view
		}
		sum := fnv.New64a()
		sum.Write(b.Bytes())
		parts = append(parts, part{id, strconv.FormatUint(sum.Sum64(), 36), template.HTML(b.String())})
	}
	for i, s := range v.Satellites {
		render(fmt.Sprint("satellite-", i), "satellite", s)
	}
	render("faults", "faults", v)
	render("files", "files", v)
	return parts, nil
}

// timeNow is what changes without anything happening, in milliseconds of Unix
// time.
type timeNow struct {
	Now     int64  `json:"now"`
	Contact int64  `json:"contact"`
	Waiting int    `json:"waiting"` // files that left an outbox and are not down yet
	Boot    string `json:"boot"`
}

func (m *Mock) time() timeNow {
	m.mu.Lock()
	contact := m.contact(m.contacts + 1)
	m.mu.Unlock()
	return timeNow{m.clock.now().UnixMilli(), contact.UnixMilli(), m.files.waiting(), boot}
}

// serveEvents is the stream that the page follows (server-sent events, HTML
// Living Standard 9.2): a "log" for each event, numbered, so that a connection
// that broke goes on where it was; a "part" for each part of the page that has
// changed; the "time" each second.
func (m *Mock) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	seen, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err != nil {
		seen, _ = strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	}
	send := func(event string, data any) {
		line, err := json.Marshal(data)
		if err != nil {
			panic(err) // only our own types go in
		}
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, line)
	}
	sent := map[string]string{}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		events, count, more := m.feed.since(max(0, seen))
		for i, e := range events {
			var b bytes.Buffer
			if err := page.ExecuteTemplate(&b, "event", e); err != nil {
				panic(err) // the template does not fit the event
			}
			fmt.Fprintf(w, "id: %d\n", count-int64(len(events)-i-1))
			send("log", b.String())
		}
		seen = count
		parts, err := m.parts()
		if err != nil {
			return
		}
		for _, p := range parts {
			if sent[p.ID] != p.Sum {
				sent[p.ID] = p.Sum
				send("part", p)
			}
		}
		send("time", m.time())
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-second.C:
		case <-more:
			// What happens at once is told at once, in one go.
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

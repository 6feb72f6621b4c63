package tasking

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func client(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return &Client{API: s.URL, Token: "tok/en+1", Try: 300 * time.Millisecond, Patience: 2 * time.Second, MinWait: time.Millisecond, MaxWait: 5 * time.Millisecond, Lag: 50 * time.Millisecond}
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, body) }
}

// What is sent is what docs/platform.md documents, to the letter.
func TestCallsAsDocumented(t *testing.T) {
	var got []string
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer tok/en+1" {
			t.Errorf("authorization %q", r.Header.Get("Authorization"))
		}
		line := r.Method + " " + r.URL.String()
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			if int64(len(body)) != r.ContentLength {
				t.Errorf("%d bytes came, %d announced", len(body), r.ContentLength)
			}
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			f, h, err := r.FormFile("file")
			if err != nil {
				t.Fatal(err)
			}
			content, _ := io.ReadAll(f)
			line += fmt.Sprintf(" file=%s %q", h.Filename, content)
		} else if len(body) > 0 {
			line += " " + r.Header.Get("Content-Type") + " " + string(body)
		}
		got = append(got, line)
		switch r.URL.Path {
		case "/tasking/availability":
			io.WriteString(w, `{"data":{"available":[]}}`)
		case "/tasking/window", "/tasking/upload":
			io.WriteString(w, `{"data":{"id":"3020553"}}`)
		default:
			io.WriteString(w, `{"data":[]}`)
		}
	})
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "x")
	os.WriteFile(file, []byte("content"), 0o644)
	var moved []int64
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	_, err := c.Satellites(ctx)
	must(err)
	_, err = c.Availability(ctx, "FM1", "PAYLOAD_SDR", time.Unix(1763900000, 5), time.Hour)
	must(err)
	_, err = c.Uploads(ctx)
	must(err)
	_, err = c.Upload(ctx, UploadRequest{Satellite: "FM1", Payload: "SDR", Destination: "/persist/bin/x-1", Executable: true, File: file, Size: 7}, func(n int64) { moved = append(moved, n) })
	must(err)
	_, err = c.Upload(ctx, UploadRequest{Satellite: "FM1", Payload: "SDR", Destination: "/persist/bin/x-1", ITAR: true, File: file, Size: 7}, nil)
	must(err)
	_, err = c.Windows(ctx, "FM1")
	must(err)
	_, err = c.CreateWindow(ctx, ctx, WindowRequest{Type: "PAYLOAD_SDR", Satellite: "FM1", Start: time.Unix(1763900000, 0), Duration: time.Minute, Executable: "/persist/bin/x-1", Args: []string{"--for", "60s"}, DownlinkBudget: 1})
	must(err)
	_, err = c.CreateWindow(ctx, ctx, WindowRequest{Type: "PAYLOAD_SDR", Satellite: "FM1", Start: time.Unix(1763900000, 0), Duration: time.Minute, Executable: "/x"})
	must(err)
	must(c.DeleteWindow(ctx, "30/20&x"))
	want := []string{
		`GET /tasking/satellites`,
		`GET /tasking/availability?duration=3600&satellite_id=FM1&start=1763900000&window_type=PAYLOAD_SDR`,
		`GET /tasking/uploads`,
		`POST /tasking/upload?destination_path=%2Fpersist%2Fbin%2Fx-1&executable=true&payload=SDR&satellite_id=FM1 file=x-1 "content"`,
		`POST /tasking/upload?destination_path=%2Fpersist%2Fbin%2Fx-1&executable=false&itar=true&payload=SDR&satellite_id=FM1 file=x-1 "content"`,
		`GET /tasking/windows?satellite_id=FM1`,
		`POST /tasking/window application/json {"type":"PAYLOAD_SDR","satellite_id":"FM1","start":1763900000,"duration":60,"parameters":{"user_command":{"executable":"/persist/bin/x-1","executable_arguments":["--for","60s"]},"downlink_budget":1}}`,
		`POST /tasking/window application/json {"type":"PAYLOAD_SDR","satellite_id":"FM1","start":1763900000,"duration":60,"parameters":{"user_command":{"executable":"/x","executable_arguments":[]},"downlink_budget":0}}`,
		`DELETE /tasking/window?id=30%2F20%26x`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(moved) == 0 || moved[len(moved)-1] != 7 {
		t.Errorf("progress %v", moved)
	}
}

func TestTolerance(t *testing.T) {
	ctx := context.Background()
	full := Window{ID: "3020553", Type: "PAYLOAD_SDR", Satellite: "FM1", State: "SYNCED", Start: time.Unix(1763900000, 0).UTC(), Duration: time.Minute, Executable: "/x", Args: []string{"a"}}
	bare := full
	bare.Args = nil
	empty := full
	empty.Executable, empty.Args = "", nil
	one := func(s string) string { return `{"data":[` + s + `]}` }
	w := `{"id":"3020553","type":"PAYLOAD_SDR","satellite_id":"FM1","state":"SYNCED","start":1763900000,"duration":60,"parameters":{"user_command":{"executable":"/x","executable_arguments":["a"]}}}`
	for _, tt := range []struct {
		body string
		want []Window // nil: an error
	}{
		{one(w), []Window{full}},
		{`{"data":` + w + `}`, []Window{full}},
		{`[` + w + `]`, []Window{full}},
		{w, []Window{full}},
		{`{"data":[]}`, []Window{}},
		{`{"data":null}`, []Window{}},
		{one(strings.Replace(w, `"3020553"`, `3020553`, 1)), []Window{full}},
		{one(strings.Replace(w, `1763900000,"duration":60`, `"1763900000","duration":60.0`, 1)), []Window{full}},
		{one(strings.Replace(w, `1763900000`, `1.7639e9`, 1)), []Window{full}},
		{one(strings.Replace(w, `1763900000`, `"2025-11-23T12:13:20Z"`, 1)), []Window{full}},
		{one(strings.Replace(w, `"satellite_id":"FM1",`, ``, 1)), []Window{full}},
		{one(strings.Replace(w, `["a"]`, `null`, 1)), []Window{bare}},
		{one(strings.Replace(w, `,"executable_arguments":["a"]`, ``, 1)), []Window{bare}},
		{one(strings.Replace(w, `{"user_command":{"executable":"/x","executable_arguments":["a"]}}`, `"secret"`, 1)), []Window{empty}},
		{one(strings.Replace(w, `FM1`, `FM2`, 1)), []Window{}},
		{one(w + "," + strings.Replace(w, `"FM1"`, `null`, 1)), []Window{full, full}},
		{`{"data":"none"}`, nil}, {`{"data":[1]}`, nil}, {`{"message":"hello"}`, nil}, {`"x"`, nil}, {``, nil}, {`{"data":[`, nil},
		{`<html><title>Sign in</title></html>`, nil}, {`{"data":{}}`, nil}, {`17`, nil},
	} {
		got, err := client(t, answer(tt.body)).Windows(ctx, "FM1")
		if (err != nil) != (tt.want == nil) {
			t.Errorf("%s: got %v, %v", tt.body, got, err)
			continue
		}
		if err == nil && !(len(got) == 0 && len(tt.want) == 0) {
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", tt.body, d)
			}
		}
		if err != nil && !strings.HasPrefix(err.Error(), "GET /tasking/windows: the answer is not the API's JSON") {
			t.Errorf("%s: %v", tt.body, err)
		}
	}
	for _, body := range []string{`{"data":[{"id":"u","satellite_id":"FM1","payload":"PAYLOAD_SDR","destination_path":"/p","status":"PENDING"}]}`,
		`{"data":{"id":"u","satellite_id":"FM1","payload":"SDR","destination_path":"/p","status":"PENDING"}}`} {
		got, err := client(t, answer(body)).Uploads(ctx)
		if want := []Upload{{"u", "FM1", "SDR", "/p", "PENDING"}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
	for body, want := range map[string]int{
		`{"data":{"available":[{"start":1,"end":5},{"start":5,"end":9},{"start":20,"end":20},{"start":30,"end":40}]}}`: 2,
		`{"data":[{"start":"1","end":"5"}]}`: 1, `{"data":{"available":null}}`: -1, `{"data":{}}`: -1, `{"data":{"available":"none"}}`: -1,
	} {
		got, err := client(t, answer(body)).Availability(ctx, "FM1", "PAYLOAD_SDR", time.Unix(0, 0), time.Hour)
		if err != nil && want >= 0 || err == nil && len(got) != want {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
}

// Retry-After is obeyed, in seconds and as a date by the server's own clock.
func TestRetryAfter(t *testing.T) {
	for _, after := range []string{"1", "date", "Wed, 99"} {
		var calls atomic.Int64
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				now := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC) // not our clock
				w.Header().Set("Date", now.Format(http.TimeFormat))
				w.Header().Set("Retry-After", after)
				if after == "date" {
					w.Header().Set("Retry-After", now.Add(time.Second).Format(http.TimeFormat))
				}
				w.WriteHeader(429)
				return
			}
			io.WriteString(w, `{"data":[]}`)
		})
		begun := time.Now()
		_, err := c.Uploads(context.Background())
		took := time.Since(begun)
		if err != nil || calls.Load() != 2 {
			t.Errorf("%s: %d calls, %v", after, calls.Load(), err)
		}
		if waited := took >= time.Second; waited != (after != "Wed, 99") || took > 1500*time.Millisecond {
			t.Errorf("%s: took %v", after, took)
		}
	}
	// Longer than our patience: given up at once, and said so.
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(503)
	})
	begun := time.Now()
	_, err := c.Uploads(context.Background())
	if err == nil || time.Since(begun) > time.Second || StatusOf(err) != 503 {
		t.Errorf("got %v after %v", err, time.Since(begun))
	}
}

// The count of tries: 4xx once, 5xx and network until patience ends, and in
// between never faster than the backoff.
func TestTries(t *testing.T) {
	for status, want := range map[int]string{400: "1", 401: "1", 403: "1", 404: "1", 409: "1", 422: "1", 501: "1", 408: "many", 429: "many", 500: "many", 503: "many"} {
		var calls atomic.Int64
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.WriteHeader(status)
		})
		c.Patience = 200 * time.Millisecond
		_, err := c.Satellites(context.Background())
		if n := calls.Load(); StatusOf(err) != status || (want == "1") != (n == 1) || n > 400 {
			t.Errorf("%d: %d calls, %v", status, n, err)
		}
	}
}

// Time is Date plus Age where it can be believed, and else our own.
func TestNow(t *testing.T) {
	const day, own = 24 * time.Hour, 0
	for _, tt := range []struct {
		date   time.Duration // of the header, after our own time
		age    string
		header string // further one
		want   time.Duration
		says   string
	}{
		{0, "", "", own, ""},
		{time.Minute, "", "", time.Minute, ""},
		{-time.Hour, "", "", -time.Hour, "off this computer's; the API's counts"},
		{23 * time.Hour, "", "", 23 * time.Hour, "the API's counts"},
		{-2 * day, "172800", "", own, "comes out of a cache and is 48 h old"},
		{-2*day + time.Hour, "172800", "", time.Hour, "the API's counts"},
		{-2 * day, " 172800 , 5", "", own, "out of a cache"},
		{-2 * day, "", "", own, "more than a day off this computer's; it is not believed"},
		{-2 * day, "-172800", "", own, "not believed"},
		{-2 * day, "soon", "", own, "not believed"},
		{2 * day, "", "", own, "not believed"},
		{2000 * day, "", "", own, "not believed"},
		{2000 * day, "", "Simulated-Clock", 2000 * day, ""},
	} {
		var said []string
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cache-Control") != "no-cache" {
				t.Error("a cache may answer without asking")
			}
			w.Header().Set("Date", time.Now().Add(tt.date).UTC().Format(http.TimeFormat))
			if tt.age != "" {
				w.Header().Set("Age", tt.age)
			}
			if tt.header != "" {
				w.Header().Set(tt.header, "1")
			}
			io.WriteString(w, `{"data":[]}`)
		})
		c.Notice = func(text string) { said = append(said, text) }
		if d := time.Since(c.Now()).Abs(); d > time.Second {
			t.Errorf("before the first answer %v off", d)
		}
		for range 3 {
			c.Uploads(context.Background())
		}
		if off := time.Until(c.Now()); (off - tt.want).Abs() > 2*time.Second {
			t.Errorf("%+v: got %v off", tt, off)
		}
		if all := strings.Join(said, "\n"); !strings.Contains(all, tt.says) || tt.says == "" && all != "" || len(said) > 2 {
			t.Errorf("%+v: said %q", tt, all)
		}
	}
}

// A simulated clock may jump.
func TestNowJumps(t *testing.T) {
	there := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", there.Format(http.TimeFormat))
		w.Header().Set(simulatedClock, "1")
		io.WriteString(w, `{"data":[]}`)
	})
	for range 2 {
		c.Satellites(context.Background())
		if d := c.Now().Sub(there); d < 0 || d > 2*time.Second {
			t.Errorf("got %v, want %v", c.Now(), there)
		}
		there = there.Add(48 * time.Hour)
	}
}

// A POST is sent again only when the listing had the time to show the first,
// and what no listing explains stays possible.
func TestEnsure(t *testing.T) {
	w := WindowRequest{Type: "PAYLOAD_SDR", Satellite: "FM1", Start: time.Unix(1763900000, 0), Duration: time.Minute, Executable: "/x", Args: []string{"a"}}
	row := func(id, typ string, start int) string {
		return fmt.Sprintf(`{"id":%q,"type":%q,"state":"SYNCED","start":%d,"duration":60,"parameters":{"user_command":{"executable":"/x","executable_arguments":["%s"]}}}`, id, typ, start, map[bool]string{true: "a", false: "b"}[id == "7"])
	}
	ours, other, far := row("7", "PAYLOAD_SDR", 1763900000), row("8", "PAYLOAD_SDR", 1763900100), row("9", "PAYLOAD_SDR", 1763990000)
	lost := -1 // the connection is cut
	for _, tt := range []struct {
		name     string
		posts    []int // statuses
		listings []string
		id       string
		doubtful bool
		lost     bool
		calls    int // POSTs
	}{
		{"taken", []int{200}, nil, "1", false, false, 1},
		{"lost, then listed", []int{lost}, []string{ours}, "7", true, false, 1},
		{"lost, listed late", []int{lost}, []string{"", "", far, ours}, "7", true, false, 1},
		{"lost, never listed, sent again", []int{lost, 200}, []string{""}, "1", true, false, 2},
		{"lost, then a conflict with ours", []int{lost, 409}, []string{"after 2 POSTs"}, "7", true, false, 2},
		{"lost, then a conflict that nothing explains", []int{lost, 409}, []string{""}, "", true, true, 2},
		{"lost, then a conflict that another explains", []int{lost, 409}, []string{"after 2 POSTs, another"}, "", true, false, 2},
		{"a conflict that another explains", []int{409}, []string{other}, "", false, false, 1},
		{"a conflict that one far away does not", []int{409}, []string{far}, "", false, true, 1},
		{"refused", []int{422}, nil, "", false, false, 1},
		{"busy, then taken", []int{429, 200}, nil, "1", false, false, 2},
		{"an error that may have taken effect", []int{500, 200}, []string{""}, "1", true, false, 2},
	} {
		posts, lists := 0, 0
		c := client(t, func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				l := tt.listings[min(lists, len(tt.listings)-1)]
				lists++
				if l == "after 2 POSTs" {
					if l = ""; posts == 2 {
						l = ours
					}
				}
				if l == "after 2 POSTs, another" {
					if l = ""; posts == 2 {
						l = other
					}
				}
				io.WriteString(rw, `{"data":[`+l+`]}`)
				return
			}
			status := tt.posts[min(posts, len(tt.posts)-1)]
			posts++
			if status == lost {
				panic(http.ErrAbortHandler)
			}
			rw.WriteHeader(status)
			if status == 200 {
				io.WriteString(rw, `{"data":{"id":"1"}}`)
			}
		})
		c.Lag = 150 * time.Millisecond
		got, err := c.CreateWindow(context.Background(), context.Background(), w)
		if got.ID != tt.id || got.Doubtful != tt.doubtful || IsLost(err) != tt.lost || (err == nil) != (tt.id != "") || posts != tt.calls {
			t.Errorf("%s: got %+v, %v (lost %v), %d POSTs", tt.name, got, err, IsLost(err), posts)
		}
	}
}

// A large upload may take longer than a try, as long as bytes move; a server
// that stops reading ends it.
func TestUploadStalls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x")
	const size = 9_000_000
	os.WriteFile(file, make([]byte, size), 0o644)
	for _, stuck := range []bool{false, true} {
		release := make(chan bool)
		c := client(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "GET" {
				io.WriteString(w, `{"data":[]}`)
				return
			}
			buf := make([]byte, 64<<10)
			for i := 0; ; i++ {
				if stuck && i == 10 {
					<-release
				}
				if i%10 == 0 {
					time.Sleep(50 * time.Millisecond) // longer than a try in all
				}
				if _, err := io.ReadFull(r.Body, buf); err != nil {
					break
				}
			}
			io.WriteString(w, `{"data":{"id":"u1"}}`)
		})
		c.Patience = time.Second
		// Small socket buffers, or silence is only seen megabytes later.
		c.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				conn.(*net.TCPConn).SetWriteBuffer(32 << 10)
			}
			return conn, err
		}}}
		begun := time.Now()
		_, err := c.Upload(context.Background(), UploadRequest{Satellite: "FM1", File: file, Size: size, Destination: "/x"}, nil)
		took := time.Since(begun)
		if stuck && (err == nil || took > 5*time.Second) || !stuck && (err != nil || took < c.Try) {
			t.Errorf("stuck %v: %v after %v", stuck, err, took)
		}
		close(release)
	}
	// A file that changed is not sent.
	c := client(t, answer(`{"data":{"id":"u1"}}`))
	if _, err := c.Upload(context.Background(), UploadRequest{File: file, Size: size - 1, Destination: "/x"}, nil); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v", err)
	}
}

func TestMessages(t *testing.T) {
	ctx := context.Background()
	for _, tt := range []struct {
		status     int
		body, want string
	}{
		{401, `{"error":"bad token tok/en+1 or tok%2Fen%2B1 or tok\/en+1"}`, `GET /tasking/satellites: the API answered 401 ({"error":"bad token [token] or [token] or [token]"}): the token is not accepted`},
		{403, "", "GET /tasking/satellites: the API answered 403: this token may not do that"},
		{404, "a\nb\x1b[31m\x00 c", "GET /tasking/satellites: the API answered 404 (a b?[31m? c)"},
		{400, "<html><head><TITLE>Bad  &amp; worse</TITLE>", "(an HTML page titled Bad & worse)"},
		{400, strings.Repeat("é", 1000), strings.Repeat("é", 300) + "..."},
		{302, "", "it points elsewhere"},
		{404, "<html><title>Not found</title>", "404 (an HTML page titled Not found): something else than the Tasking API answers there; check --api"},
		{404, `{"detail":"Not Found"}`, "something else than the Tasking API answers there; check --api"},
	} {
		_, err := client(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(tt.status)
			io.WriteString(w, tt.body)
		}).Satellites(ctx)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "tok/en") {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	c := &Client{API: "http://127.0.0.1:1", Token: "t", Patience: 10 * time.Millisecond, MinWait: time.Millisecond}
	if _, err := c.Satellites(ctx); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "Get ") {
		t.Errorf("got %v", err)
	}
}

func TestIs(t *testing.T) {
	r := WindowRequest{Type: "T", Satellite: "S", Start: time.Unix(100, 5), Duration: time.Minute, Executable: "/x", Args: []string{"a"}}
	w := Window{Type: "T", Satellite: "S", Start: time.Unix(100, 0), Duration: time.Minute, Executable: "/x", Args: []string{"a"}}
	for i, tt := range []struct {
		change func(*Window)
		want   bool
	}{
		{func(*Window) {}, true},
		{func(w *Window) { w.Args = []string{"b"} }, false},
		{func(w *Window) { w.Args = nil }, true},
		{func(w *Window) { w.Args, w.Start = nil, time.Unix(101, 0) }, false},
		{func(w *Window) { w.Args, w.Executable = nil, "" }, true},
		{func(w *Window) { w.Executable = "/y" }, false},
		{func(w *Window) { w.Type = "U" }, false},
		{func(w *Window) { w.Satellite = "" }, true},
		{func(w *Window) { w.Satellite = "U" }, false},
	} {
		v := w
		tt.change(&v)
		if v.Is(r) != tt.want {
			t.Errorf("row %d: got %v", i, v.Is(r))
		}
	}
	for state, want := range map[string]bool{"PENDING_SYNC": true, "SYNCED": true, "": true, "ON_HOLD": true, "CANCELLED": false, "canceled": false, "PENDING_DELETE": false, "REJECTED": false, "FAILED": false} {
		if Live(state) != want {
			t.Errorf("%q: got %v", state, Live(state))
		}
	}
}

func FuzzWindows(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":1,"start":"x","parameters":[]}]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		ws, err := windows(b, "FM1")
		if err != nil && !json.Valid(b) {
			return
		}
		for _, w := range ws {
			if w.Satellite != "FM1" {
				t.Errorf("got %+v", w)
			}
		}
	})
}

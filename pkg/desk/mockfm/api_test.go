package mockfm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// desk is a Mock whose time stands still but for Skip and the host's seconds:
// API only.
func desk(t *testing.T, cfg Config) *Mock {
	t.Helper()
	cfg.State, cfg.Token, cfg.Sandbox = t.TempDir(), token, "plain"
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	}
	m := New(cfg)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

const goodWindow = `{"type":"PAYLOAD_SDR","satellite_id":"FM1","start":%d,"duration":60,"parameters":{"user_command":{"executable":"/x","executable_arguments":[]},"downlink_budget":1}}`

func TestRefusals(t *testing.T) {
	m := desk(t, Config{})
	tomorrow := m.Now().Add(24 * time.Hour).Unix()
	good := fmt.Sprintf(goodWindow, tomorrow)
	with := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatal(old)
		}
		return strings.Replace(good, old, new, 1)
	}
	up := func(q string) string {
		return "/tasking/upload?satellite_id=FM1&payload=SDR&destination_path=/persist/x&executable=true" + q
	}
	const form = "multipart/form-data; boundary=b"
	file := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nbytes\r\n--b--\r\n"
	for _, c := range []struct {
		name, method, target, kind, body string
		want                             int
	}{
		{"no such call", "GET", "/tasking/nothing", "", "", 404},
		{"wrong method", "PUT", "/tasking/window", "", "", 405},
		{"unknown satellite", "POST", "/tasking/window", "", with(`"FM1"`, `"FM9"`), 404},
		{"unknown type", "POST", "/tasking/window", "", with("PAYLOAD_SDR", "PAYLOAD_X"), 400},
		{"type without prefix", "POST", "/tasking/window", "", with("PAYLOAD_SDR", "SDR"), 400},
		{"too short", "POST", "/tasking/window", "", with(":60", ":29"), 422},
		{"too soon", "POST", "/tasking/window", "", with(fmt.Sprint(tomorrow), fmt.Sprint(m.Now().Unix()+119)), 422},
		{"start is text", "POST", "/tasking/window", "", with(fmt.Sprint(tomorrow), `"soon"`), 400},
		{"no command", "POST", "/tasking/window", "", with(`"executable":"/x"`, `"executable":""`), 400},
		{"no arguments", "POST", "/tasking/window", "", with(`,"executable_arguments":[]`, ``), 400},
		{"no budget", "POST", "/tasking/window", "", with(`,"downlink_budget":1`, ``), 400},
		{"budget not whole", "POST", "/tasking/window", "", with(`:1}`, `:1.5}`), 400},
		{"not JSON", "POST", "/tasking/window", "", "<window>", 400},
		{"windows of unknown satellite", "GET", "/tasking/windows?satellite_id=FM9", "", "", 404},
		{"delete unknown", "DELETE", "/tasking/window?id=7", "", "", 404},
		{"availability of nothing", "GET", "/tasking/availability?satellite_id=FM1&window_type=PAYLOAD_SDR&start=1&duration=0", "", "", 400},
		{"availability without type", "GET", "/tasking/availability?satellite_id=FM1&start=1&duration=1", "", "", 400},
		{"upload to unknown payload", "POST", strings.Replace(up(""), "SDR", "GPS", 1), form, file, 400},
		{"upload to system", "POST", strings.Replace(up(""), "/persist/x", "/usr/bin/x", 1), form, file, 400},
		{"upload through dots", "POST", strings.Replace(up(""), "/persist/x", "/persist/../etc/x", 1), form, file, 400},
		{"upload to a directory", "POST", strings.Replace(up(""), "/persist/x", "/persist/", 1), form, file, 400},
		{"upload to relative path", "POST", strings.Replace(up(""), "/persist/x", "x", 1), form, file, 400},
		{"upload without form", "POST", up(""), "text/plain", "bytes", 400},
		{"upload without file", "POST", up(""), form, strings.Replace(file, `"file"`, `"data"`, 1), 400},
		{"upload torn", "POST", up(""), form, strings.TrimSuffix(file, "--\r\n"), 400},
		{"upload too large", "POST", up(""), form, strings.Replace(file, "bytes", strings.Repeat("x", 10_000_001), 1), 413},
		{"executable is no bool", "POST", strings.Replace(up(""), "true", "yes", 1), form, file, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, body := call(t, m, c.method, c.target, c.kind, strings.NewReader(c.body)); got != c.want {
				t.Errorf("got %d %s, want %d", got, body, c.want)
			}
		})
	}
	if _, body := get(t, m, "/tasking/windows?satellite_id=FM1"); string(body) != `{"data":[]}` {
		t.Errorf("refused windows are scheduled: %s", body)
	}
	if _, body := get(t, m, "/tasking/uploads"); string(body) != `{"data":[]}` {
		t.Errorf("refused uploads are queued: %s", body)
	}
}

func TestToken(t *testing.T) {
	m := New(Config{Token: token})
	for _, c := range []struct {
		header string
		want   int
	}{
		{"Bearer " + token, 200}, {"", 401}, {"Bearer ", 401}, {token, 401}, {"bearer " + token, 401},
		{"Bearer " + token + " ", 200}, // HTTP takes blanks off
		{"Bearer tok/en 1", 401}, {"Basic " + token, 401},
	} {
		req := httptest.NewRequest("GET", "/tasking/satellites", nil)
		req.Header.Set("Authorization", strings.TrimRight(c.header, " "))
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, req)
		if w.Code != c.want && c.header != "Bearer " {
			t.Errorf("%q: got %d, want %d", c.header, w.Code, c.want)
		}
	}
}

func TestSatellites(t *testing.T) {
	m := desk(t, Config{Satellites: []string{"FM1", "FM2"}})
	status, body := get(t, m, "/tasking/satellites")
	want := `{"data":[{"id":"FM1","norad_id":"51099","supported_windows":["PAYLOAD_SDR","PAYLOAD_SABERTOOTH","PAYLOAD_IPI","PAYLOAD_DEXTER"],"supported_payloads":["SDR","SABERTOOTH","IPI","DEXTER"]},{"id":"FM2",`
	if status != 200 || !strings.HasPrefix(string(body), want) {
		t.Errorf("got %d %s\nwant %s...", status, body, want)
	}
}

func TestDate(t *testing.T) {
	at := time.Date(2031, 3, 4, 5, 6, 7, 0, time.UTC)
	m := desk(t, Config{Start: at})
	resp, err := http.Get(m.URL() + "/tasking/uploads") // a refusal has it too
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	got, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil || got.Sub(at) < 0 || got.Sub(at) > 10*time.Second {
		t.Errorf("got Date %v %v, want satellite time %v", got, err, at)
	}
}

// Buffers as documented: after the SDR's 210 s another 120 s before the next.
func TestConflictsAndAvailability(t *testing.T) {
	m := desk(t, Config{})
	t0 := m.Now().Add(24 * time.Hour).Truncate(time.Second)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	status, body := sendWindow(t, m, "SDR", at(1000), 60, "/x")
	first := id(t, status, body)

	free := func(payload string, from, length int) string {
		_, body := get(t, m, fmt.Sprintf("/tasking/availability?satellite_id=FM1&window_type=PAYLOAD_%s&start=%d&duration=%d", payload, at(from).Unix(), length))
		var v struct {
			Data struct{ Available []struct{ Start, End int64 } }
		}
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		s := ""
		for _, a := range v.Data.Available {
			s += fmt.Sprintf("[%d,%d]", a.Start-t0.Unix(), a.End-t0.Unix())
		}
		return s
	}
	for _, c := range []struct {
		payload      string
		from, length int
		want         string
	}{
		{"SDR", 0, 2000, "[0,670][1390,2000]"}, // 1000-120-210, 1060+210+120
		{"SDR", 700, 600, ""},
		{"SDR", 1380, 39, ""}, // 29 s are left, less than a window
		{"SDR", 1380, 40, "[1390,1420]"},
		{"SABERTOOTH", 0, 2000, "[0,2000]"}, // another payload
	} {
		if got := free(c.payload, c.from, c.length); got != c.want {
			t.Errorf("availability of %s from %d for %d: got %s, want %s", c.payload, c.from, c.length, got, c.want)
		}
	}
	if got, _ := sendWindow(t, m, "SDR", at(1389), 30, "/x"); got != 409 {
		t.Errorf("a second into the buffers: got %d, want 409", got)
	}
	if got, _ := sendWindow(t, m, "SDR", at(641), 30, "/x"); got != 409 {
		t.Errorf("a second into the buffers, before: got %d, want 409", got)
	}
	for _, s := range []int{1390, 640} {
		status, body := sendWindow(t, m, "SDR", at(s), 30, "/x")
		id(t, status, body)
	}
	status, body = sendWindow(t, m, "SABERTOOTH", at(1030), 60, "/x") // the tutorial's pair
	id(t, status, body)

	if got, _ := call(t, m, "DELETE", "/tasking/window?id="+first, "", nil); got != 200 {
		t.Errorf("delete: got %d, want 200", got)
	}
	if got, want := free("SDR", 0, 2000), "[0,310][1000,1060][1750,2000]"; got != want {
		t.Errorf("after the deletion: got %s, want %s", got, want)
	}
}

// States change at contacts only, uploads one after the other at the uplink's
// rate.
func TestStates(t *testing.T) {
	m := desk(t, Config{UplinkRate: 400, ContactEvery: 6 * time.Hour}) // 100 bytes a contact
	for _, size := range []int{250, 40, 30} {
		status, body := sendUpload(t, m, "SDR", fmt.Sprint("/persist/", size), strings.Repeat("x", size))
		id(t, status, body)
	}
	status, body := sendWindow(t, m, "SDR", m.Now().Add(40*time.Hour), 30, "/x")
	id(t, status, body)
	for contact, want := range []string{
		"PENDING PENDING PENDING PENDING_SYNC",
		"UPLOADING PENDING PENDING SYNCED",
		"UPLOADING PENDING PENDING SYNCED",
		"UPLOADED UPLOADED UPLOADING SYNCED",
		"UPLOADED UPLOADED UPLOADED SYNCED",
	} {
		if contact > 0 {
			m.Skip(6 * time.Hour)
		}
		got := ""
		for range 100 { // the clock's goroutine takes its turn
			if got = states(t, m); got == want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if got != want {
			t.Errorf("after %d contacts: got %s, want %s", contact, got, want)
		}
	}
}

func states(t *testing.T, m *Mock) string {
	var all []string
	for _, target := range []string{"/tasking/uploads", "/tasking/windows?satellite_id=FM1"} {
		_, body := get(t, m, target)
		var v struct {
			Data []struct{ Status, State string }
		}
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, row := range v.Data {
			all = append(all, row.Status+row.State)
		}
	}
	return strings.Join(all, " ")
}

func TestListings(t *testing.T) {
	m := desk(t, Config{})
	status, body := sendUpload(t, m, "PAYLOAD_SDR", "/persist/bin/x", "x")
	up := id(t, status, body)
	_, body = get(t, m, "/tasking/uploads")
	want := `{"data":[{"satellite_id":"FM1","payload":"SDR","destination_path":"/persist/bin/x","executable":true,"status":"PENDING","id":"` + up + `"}]}`
	if string(body) != want {
		t.Errorf("uploads: got %s, want %s", body, want)
	}
	at := m.Now().Add(24 * time.Hour)
	status, body = sendWindow(t, m, "SDR", at, 60, "/persist/bin/x", "--for", "60s")
	win := id(t, status, body)
	_, body = get(t, m, "/tasking/windows?satellite_id=FM1")
	want = fmt.Sprintf(`{"data":[{"id":"%s","type":"PAYLOAD_SDR","satellite_id":"FM1","state":"PENDING_SYNC","start":%d,"duration":60,"parameters":{"downlink_budget":1,"user_command":{"executable":"/persist/bin/x","executable_arguments":["--for","60s"]}}}]}`, win, at.Unix())
	if string(body) != want {
		t.Errorf("windows: got %s, want %s", body, want)
	}
	status, body = get(t, m, "/")
	for _, want := range []string{"FM1", win, up, "<code>/persist/bin/x</code> <code>--for</code> <code>60s</code>", "PENDING_SYNC"} {
		if status != 200 || !strings.Contains(string(body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

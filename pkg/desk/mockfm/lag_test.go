package mockfm

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A listing that lags is as it was: without what was made since, and with what
// was deleted.
func TestLag(t *testing.T) {
	m := desk(t, Config{})
	status, body := sendWindow(t, m, "SDR", m.Now().Add(24*time.Hour), 60, "/x")
	window := id(t, status, body)
	status, body = sendUpload(t, m, "SDR", "/persist/x", "x")
	id(t, status, body)
	listing := func(what, fault string) string {
		t.Helper()
		if fault != "" {
			f, err := ParseFault(fault)
			if err != nil {
				t.Fatal(err)
			}
			m.AddFault(f)
		}
		_, body := get(t, m, "/tasking/"+what)
		return string(body)
	}
	for _, what := range []string{"windows?satellite_id=FM1", "uploads"} {
		name, _, _ := strings.Cut(what, "?")
		if got := listing(what, name+"=lag,delay=1h"); got != `{"data":[]}` {
			t.Errorf("%s an hour behind: %s", name, got)
		}
		if got := listing(what, ""); !strings.Contains(got, `"id"`) {
			t.Errorf("%s without a fault: %s", name, got)
		}
	}
	time.Sleep(20 * time.Millisecond)
	begun := time.Now()
	if status, _ := call(t, m, "DELETE", "/tasking/window?id="+window, "", nil); status != 200 {
		t.Fatalf("delete: %d", status)
	}
	if got := listing("windows?satellite_id=FM1", fmt.Sprintf("windows=lag,delay=%dms", time.Since(begun).Milliseconds()+5)); !strings.Contains(got, window) {
		t.Errorf("what was deleted is gone at once: %s", got)
	}
	if got := listing("windows?satellite_id=FM1", ""); strings.Contains(got, window) {
		t.Errorf("what was deleted is still there: %s", got)
	}
}

// One POST makes two windows, and an answer out of a cache says so.
func TestTwiceAndCached(t *testing.T) {
	m := desk(t, Config{Faults: []Fault{{Place: "window", Kind: Twice, Times: 1}}})
	status, body := sendWindow(t, m, "SDR", m.Now().Add(24*time.Hour), 60, "/x")
	id(t, status, body)
	if _, body := get(t, m, "/tasking/windows?satellite_id=FM1"); strings.Count(string(body), `"id"`) != 2 {
		t.Errorf("got %s", body)
	}
	for _, cached := range []bool{false, true} {
		if cached {
			m.AddFault(Fault{Place: "any", Kind: Cached, Delay: 48 * time.Hour})
		}
		req, _ := http.NewRequest("GET", m.URL()+"/tasking/satellites", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		date, err := http.ParseTime(resp.Header.Get("Date"))
		switch {
		case err != nil:
			t.Error(err)
		case !cached && (resp.Header.Get(simulatedClock) == "" || resp.Header.Get("Age") != "" || m.Now().Sub(date).Abs() > 2*time.Second):
			t.Errorf("simulated: %v", resp.Header)
		case cached && (resp.Header.Get(simulatedClock) != "" || resp.Header.Get("Age") != "172800" || (time.Since(date)-48*time.Hour).Abs() > 2*time.Second):
			t.Errorf("cached: %v", resp.Header)
		}
	}
}

package serve

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"payload-ipc/pkg/flight/http1"
)

// tagList is the grammar of If-Match and If-None-Match, empty elements allowed.
// net/http finds tags in lists that break off, too.
var tagList = regexp.MustCompile(`^(\*|[ \t,]*(W/)?"[^\x00- "\x7f]*"([ \t]*,[ \t,]*(W/)?"[^\x00- "\x7f]*")*[ \t,]*)$`)

// FuzzDecide: the status that net/http's ServeContent comes to, but where it
// is lenient: lists of tags that are none, dates in another case, ranges for
// HEAD, ranges that are none.
func FuzzDecide(f *testing.F) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	modified := time.Date(2026, 11, 6, 8, 49, 37, 0, time.UTC)
	lm := modified.Format(http.TimeFormat)
	const etag = `"tag"`
	body := []byte(f11)
	for _, tags := range []string{"", etag, "W/" + etag, "*", `"a", "tag"`, `"a`, `tag`} {
		for _, date := range []string{"", lm, "Fri, 06 Nov 2026 08:49:36 GMT", "Friday, 06-Nov-26 08:49:38 GMT", "Fri Nov  6 08:49:37 2026", "x"} {
			f.Add(tags, "", date, "", "bytes=0-4", tags, true)
			f.Add("", tags, "", date, "bytes=-4", date, true)
			f.Add("", "", date, date, "bytes=99-", "", false)
		}
	}
	// What once differed: a tag with something behind it, in a list and in
	// If-Range, and a unit in another case beside a date that is none.
	f.Add("", `"tag"0`, "", "0", "0", "0", true)
	f.Add("", "", "0", "", "bytes=0-", `"tag"0`, true)
	f.Add("", "", "", "0", "BYtes=-1", "", true)
	f.Fuzz(func(t *testing.T, match, noneMatch, since, unmodified, ranges, ifRange string, get bool) {
		q := &http1.Request{Method: "HEAD"}
		if get {
			q.Method = "GET"
		}
		std := httptest.NewRequest(q.Method, "/", nil)
		for name, value := range map[string]string{
			"If-Match": match, "If-None-Match": noneMatch, "If-Modified-Since": since, "If-Unmodified-Since": unmodified, "Range": ranges, "If-Range": ifRange,
		} {
			value = strings.Trim(value, " \t")
			for i := range len(value) {
				if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
					return // no field value
				}
			}
			if value == "" {
				continue // ServeContent cannot tell an empty line from none
			}
			_, ours := http1.ParseDate(value, now)
			at, err := http.ParseTime(value)
			if ours != (err == nil) || ours && at.Year() > 2070 && strings.Contains(value, "-") {
				return
			}
			if (strings.HasSuffix(name, "Match") || name == "If-Range" && strings.Contains(value, `"`)) && !tagList.MatchString(value) {
				return
			}
			q.Header = append(q.Header, http1.Field{Name: name, Value: value})
			std.Header.Set(name, value)
		}
		status, got := decide(q, &content{size: int64(len(body)), etag: etag, modified: modified}, now)
		for _, r := range got {
			if r.Start < 0 || r.End > int64(len(body)) || r.Len() <= 0 {
				t.Fatalf("range %v", r)
			}
		}
		w := httptest.NewRecorder()
		w.Header().Set("ETag", etag)
		http.ServeContent(w, std, "f", modified, bytes.NewReader(body))
		want := w.Code
		switch {
		case !get && (want == 206 || want == 416):
			want = 200
		case status == 200 && (want == 206 || want == 416) && oddRange(generated{lines: []string{"Range: " + strings.Trim(ranges, " \t")}}, answer{}, answer{}):
			return
		case status != want && strings.EqualFold("bytes=", ranges[:min(6, len(ranges))]) && !strings.HasPrefix(ranges, "bytes="):
			return // the unit is case-insensitive (RFC 9110 section 14.1)
		case status == 416 && want == 206 && strings.Contains(ranges, "-0"):
			return // it takes the last 0 bytes for a range
		}
		if status != want {
			t.Fatalf("got %d, net/http %d: %v", status, want, q.Header)
		}
	})
}

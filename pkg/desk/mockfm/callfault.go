package mockfm

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// before plays a fault that keeps the call from having an effect; true if the
// request has been dealt with.
func (f *Fault) before(w http.ResponseWriter, r *http.Request, call *Call) bool {
	if f == nil {
		return false
	}
	answer := func(status int, contentType, body string) bool {
		call.Status = status
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		w.Write([]byte(body))
		return true
	}
	switch f.Kind {
	case LostBefore:
		panic(http.ErrAbortHandler) // net/http's word for cutting the connection
	case Status:
		if f.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Round(time.Second)/time.Second)))
		}
		return answer(f.Status, "text/plain", http.StatusText(f.Status)+", on request\n")
	case HTML:
		return answer(http.StatusOK, "text/html", "<!DOCTYPE html><title>Sign in</title><h1>Please sign in to the hotel's network</h1>\n")
	case Big:
		return answer(http.StatusOK, "application/json", `{"data":"`+strings.Repeat("x", 5_000_000)+`"}`)
	case Types:
		return answer(http.StatusOK, "application/json", `{"data":{"id":[7],"available":"yes","uploads":17}}`)
	case Cached:
		h := w.Header()
		h.Set("Date", time.Now().Add(-f.Delay).UTC().Format(http.TimeFormat))
		h.Set("Age", strconv.Itoa(int(f.Delay/time.Second)))
		h.Del(simulatedClock)
	case Slow:
		select {
		case <-time.After(f.Delay):
		case <-r.Context().Done():
		}
	}
	return false
}

// after plays a fault with the answer to a call that took effect.
func (f *Fault) after(w http.ResponseWriter, r *http.Request, call *Call, status int, body []byte) bool {
	if f == nil {
		return false
	}
	switch f.Kind {
	case LostAfter:
		panic(http.ErrAbortHandler)
	case Half:
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case UnknownState:
		for _, s := range []string{Pending, Uploading, Uploaded, PendingSync, Synced} {
			body = bytes.ReplaceAll(body, []byte(`"`+s+`"`), []byte(`"ON_HOLD"`))
		}
		call.Status = status
		writeJSON(w, status, body)
		return true
	}
	return false
}

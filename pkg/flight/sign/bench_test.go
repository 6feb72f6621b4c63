package sign

import (
	"testing"

	"payload-ipc/pkg/flight/http1"
)

// BenchmarkPass is what a request and its answer cost both ends together.
func BenchmarkPass(b *testing.B) {
	r := Request{Method: "GET", Authority: "10.2.1.8:10101", Target: "/var/log/syslog?snapshot=98a3f4-100000-4e6372a6", Range: "bytes=0-1048575"}
	n := NewNonces(nil)
	head := http1.Head{}.Status(206).Field("Date", "Sun, 22 Nov 2026 15:44:46 GMT").Field("Server", "sdr-serve/0.1.0").Field("ETag", `"98a3f4-16-18ea50c30cc21d15"`).
		Field("Content-Location", r.Target).Field("Accept-Ranges", "bytes").Field("X-Content-Type-Options", "nosniff").Field("Content-Type", "text/plain; charset=utf-8").
		Field("Content-Range", "bytes 0-1048575/3000000").Int("Content-Length", 1<<20).Field("Content-Digest", "sha-256=:EVB6Di9eadXfpApiob17buV+a82FxnybhDGzb/8hxDc=:")
	b.ReportAllocs()
	for b.Loop() {
		h, signature := key.SignRequest(nil, r, n.Next())
		if _, ok := key.CheckRequest(fields(nil, string(h)), r); !ok {
			b.Fatal("a request is not signed")
		}
		a := key.SignAnswer(head[:len(head):len(head)], 206, signature)
		if !key.CheckAnswer(fields(nil, string(a)), 206, signature) {
			b.Fatal("an answer is not signed")
		}
	}
}

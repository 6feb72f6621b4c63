package sign

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/yaronf/httpsign"

	"payload-ipc/pkg/flight/http1"
)

var key = &Key{1, 2, 3, 31: 9}

// The vector of RFC 9421 appendix B.2.5, signed with the key of appendix B.1.5.
func TestVectorOfTheRFC(t *testing.T) {
	secret, err := base64.StdEncoding.DecodeString("uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==")
	if err != nil {
		t.Fatal(err)
	}
	text := "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n" + "\"@authority\": example.com\n" + "\"content-type\": application/json\n" +
		"\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\""
	sum := append(newBase(nil, secret), text...).mac()
	if got, want := base64.StdEncoding.EncodeToString(sum[:]), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestParseKey(t *testing.T) {
	want := strings.Repeat("0123456789abcdef", 4)
	for _, s := range []string{want, strings.ToUpper(want), strings.Repeat("0123456789AbCdEf", 4)} {
		k, err := ParseKey(s)
		if err != nil || hex.EncodeToString(k[:]) != want {
			t.Errorf("%s: got %x and %v", s, k, err)
		}
	}
	for _, s := range []string{"", "00", want[1:], want + "0", want + "00", want[1:] + "g", want[1:] + "G", want[1:] + "\x10", want[1:] + "`", "0x" + want[2:], " " + want[1:],
		want[:62] + "é"} {
		if k, err := ParseKey(s); !errors.Is(err, ErrKey) || k != nil {
			t.Errorf("%q: got %x and %v", s, k, err)
		}
	}
}

var requests = []Request{
	{Method: "GET", Authority: "10.2.1.8:10101", Target: "/"},
	{Method: "HEAD", Authority: "10.2.1.8:10101", Target: "/var/log/syslog?snapshot=1a-2b-3c"},
	{Method: "GET", Authority: "10.2.1.12:10101", Target: "/a%20b/%ff?x=%3F&y", Range: "bytes=0-1048575"},
	{Method: "GET", Authority: "[fe80::1]:10101", Target: "/x?", Range: "bytes=-4"},
	{Method: "OPTIONS", Authority: "sdr.example:10101", Target: "/many/", Range: "bytes=1-2, 4-5"},
}

// write is the head of r as it goes over the wire, and the signature.
func write(r Request, nonce string) (wire, signature string) {
	h := http1.Head{}.Request(r.Method, r.Target).Field("Host", r.Authority)
	if r.Range != "" {
		h = h.Field("Range", r.Range)
	}
	h, signature = key.SignRequest(h, r, nonce)
	return string(h.End()), signature
}

// verifier is the judge that nobody here wrote. It wants keys of 64 bytes; with
// zeros behind it a key stays the same to HMAC (RFC 2104). fields is what
// the profile says.
func verifier(t *testing.T, fields httpsign.Fields) *httpsign.Verifier {
	t.Helper()
	v, err := httpsign.NewHMACSHA256Verifier(append(key[:], make([]byte, 32)...), httpsign.NewVerifyConfig().SetVerifyCreated(false), fields)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func requestFields(r Request) httpsign.Fields {
	names := []string{"@method", "@authority", "@path", "@query"}
	if r.Range != "" {
		names = append(names, "range")
	}
	return httpsign.Headers(names...)
}

// What is signed here is right for another implementation, and only for
// exactly the request that was signed.
func TestRequestsAreSignedAsTheRFCSays(t *testing.T) {
	for _, r := range requests {
		wire, _ := write(r, "nonce-0001")
		std, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		if err != nil {
			t.Fatal(err)
		}
		if err := httpsign.VerifyRequest("sig", *verifier(t, requestFields(r)), std); err != nil {
			t.Errorf("%+v: %v\n%s", r, err, wire)
		}
		std.Method = "POST"
		if httpsign.VerifyRequest("sig", *verifier(t, requestFields(r)), std) == nil {
			t.Errorf("%+v: another method has the same signature", r)
		}
	}
}

// read is the header of a message as this project's parser has it.
func read(t *testing.T, wire string) http1.Header {
	t.Helper()
	q, err := http1.NewReader(strings.NewReader(wire)).ReadRequest()
	if err != nil {
		t.Fatalf("%v\n%s", err, wire)
	}
	return q.Header
}

// A request counts as it was signed, and not at all when anything of it is
// another.
func TestCheckRequest(t *testing.T) {
	for _, r := range requests {
		wire, want := write(r, "nonce-0001")
		h := read(t, wire)
		if got, ok := key.CheckRequest(h, r); !ok || got != want {
			t.Errorf("%+v: got %q %v, want %q", r, got, ok, want)
		}
		if _, ok := (&Key{}).CheckRequest(h, r); ok {
			t.Errorf("%+v: another key will do", r)
		}
		for name, other := range map[string]Request{
			"method":    {"PUT", r.Authority, r.Target, r.Range},
			"authority": {r.Method, "10.2.1.9:10101", r.Target, r.Range},
			"port":      {r.Method, r.Authority + "1", r.Target, r.Range},
			"target":    {r.Method, r.Authority, r.Target + "x", r.Range},
			"query":     {r.Method, r.Authority, r.Target + "?", r.Range},
			"range":     {r.Method, r.Authority, r.Target, r.Range + "0"},
			"no range":  {r.Method, r.Authority, r.Target, ""},
		} {
			if _, ok := key.CheckRequest(h, other); ok && other != r && !(name == "query" && !strings.Contains(r.Target, "?")) {
				t.Errorf("%+v: another %s will do", r, name)
			}
		}
		for name, change := range map[string]func(string) string{
			"nonce":           func(w string) string { return strings.Replace(w, "nonce-0001", "nonce-0002", 1) },
			"no nonce":        func(w string) string { return strings.Replace(w, `;nonce="nonce-0001"`, "", 1) },
			"short nonce":     func(w string) string { return strings.Replace(w, "nonce-0001", "1", 1) },
			"more parameters": func(w string) string { return strings.Replace(w, `-0001"`, `-0001";created=1`, 1) },
			"label":           func(w string) string { return strings.ReplaceAll(w, "sig=", "sib=") },
			"two": func(w string) string {
				return strings.Replace(w, "Signature:", "Signature: sig=:AA==:\r\nSignature:", 1)
			},
			"none":          func(w string) string { return strings.Replace(w, "Signature:", "Signaturf:", 1) },
			"no input":      func(w string) string { return strings.Replace(w, "Signature-Input:", "Signature-Imput:", 1) },
			"fewer covered": func(w string) string { return strings.Replace(w, `"@path" `, "", 1) },
			"padding":       func(w string) string { return strings.Replace(w, "=:\r\n", ":\r\n", 1) },
		} {
			if _, ok := key.CheckRequest(read(t, change(wire)), r); ok {
				t.Errorf("%+v: %s will do", r, name)
			}
		}
	}
}

var answers = []struct {
	status int
	fields [][2]string
}{
	{200, nil},
	{403, [][2]string{{"Content-Length", "3"}, {"Content-Digest", "sha-256=:AAAA:"}}},
	{206, [][2]string{{"Content-Location", "/f?snapshot=1-2-3"}, {"Content-Range", "bytes 0-4/11"}, {"Content-Length", "5"}, {"Content-Digest", "sha-256=:AAAA:"}}},
	{301, [][2]string{{"Location", "/d/"}, {"Content-Length", "0"}}},
	{200, [][2]string{{"Repr-Digest", "sha-256=:AAAA:"}, {"Content-Length", "99"}}},
}

func writeAnswer(status int, fields [][2]string, request string) string {
	h := http1.Head{}.Status(status).Field("Date", "Thu, 26 Nov 2026 00:00:00 GMT")
	for _, f := range fields {
		h = h.Field(f[0], f[1])
	}
	return string(key.SignAnswer(h, status, request).End())
}

func readAnswer(t testing.TB, wire string) http1.Header {
	t.Helper()
	p, _, err := http1.NewReader(strings.NewReader(wire)).ReadResponse("HEAD")
	if err != nil {
		t.Fatalf("%v\n%s", err, wire)
	}
	return p.Header
}

func TestAnswersAreSignedAsTheRFCSays(t *testing.T) {
	sent, signature := write(requests[2], "nonce-0001")
	std, err := http.ReadRequest(bufio.NewReader(strings.NewReader(sent)))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		wire := writeAnswer(a.status, a.fields, signature)
		std.Method = "HEAD"
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(wire)), std)
		if err != nil {
			t.Fatal(err)
		}
		covered := httpsign.NewFields().AddHeaders("@status")
		for _, name := range answerFields {
			if res.Header.Get(name) != "" {
				covered.AddHeader(name)
			}
		}
		covered.AddHeaderExt("signature", false, false, true, false)
		if err := httpsign.VerifyResponse("sig", *verifier(t, *covered), res, std); err != nil {
			t.Errorf("%d %v: %v\n%s", a.status, a.fields, err, wire)
		}
	}
}

// An answer counts for the request it was made for, and not when anything that
// it covers was changed, taken away or added.
func TestCheckAnswer(t *testing.T) {
	_, signature := write(requests[0], "nonce-0001")
	_, another := write(requests[0], "nonce-0002")
	for _, a := range answers {
		wire := writeAnswer(a.status, a.fields, signature)
		h := readAnswer(t, wire)
		if !key.CheckAnswer(h, a.status, signature) {
			t.Errorf("%d %v: not taken\n%s", a.status, a.fields, wire)
		}
		if key.CheckAnswer(h, a.status, another) {
			t.Errorf("%d %v: taken for another request", a.status, a.fields)
		}
		if key.CheckAnswer(h, a.status+1, signature) {
			t.Errorf("%d %v: taken for another status", a.status, a.fields)
		}
		if (&Key{}).CheckAnswer(h, a.status, signature) {
			t.Errorf("%d %v: taken under another key", a.status, a.fields)
		}
		for _, name := range answerFields {
			without := http1.Header{}
			for _, f := range h {
				if !http1.EqualFold(f.Name, name) {
					without = append(without, f)
				}
			}
			if len(without) < len(h) && key.CheckAnswer(without, a.status, signature) {
				t.Errorf("%d %v: taken without %s", a.status, a.fields, name)
			}
			if more := append(h[:len(h):len(h)], http1.Field{Name: name, Value: "x"}); key.CheckAnswer(more, a.status, signature) {
				t.Errorf("%d %v: taken with another %s", a.status, a.fields, name)
			}
			for i := range h {
				if http1.EqualFold(h[i].Name, name) {
					changed := append(http1.Header{}, h...)
					changed[i].Value += "0"
					if key.CheckAnswer(changed, a.status, signature) {
						t.Errorf("%d %v: taken with a changed %s", a.status, a.fields, name)
					}
				}
			}
		}
	}
}

func TestNonces(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range []*Nonces{NewNonces([]byte("a")), NewNonces([]byte("b")), NewNonces(nil)} {
		for range 1000 {
			s := n.Next()
			if seen[s] || !ValidNonce(s) {
				t.Fatalf("%q: given before, or none", s)
			}
			seen[s] = true
		}
	}
}

// FuzzCheckRequest: whatever the two fields hold, only what is written here is
// taken.
func FuzzCheckRequest(f *testing.F) {
	r := requests[2]
	_, signature := write(r, "nonce-0001")
	input := label + r.params() + `nonce-0001"`
	f.Add(input, signature)
	f.Add(`sig=();nonce=""`, "sig=::")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, in, sig string) {
		got, ok := key.CheckRequest(http1.Header{{Name: "Signature-Input", Value: in}, {Name: "Signature", Value: sig}}, r)
		if !ok {
			return
		}
		nonce := strings.TrimSuffix(in[strings.LastIndex(in, `nonce="`)+len(`nonce="`):], `"`)
		wire, want := write(r, nonce)
		if got != want || sig != want || !strings.Contains(wire, "Signature-Input: "+in+"\r\n") {
			t.Errorf("took %q and %q", in, sig)
		}
	})
}

// FuzzCheckAnswer: whatever the two fields hold, only what is written here is
// taken.
func FuzzCheckAnswer(f *testing.F) {
	_, signature := write(requests[2], "nonce-0001")
	a := answers[2]
	wire := readAnswer(f, writeAnswer(a.status, a.fields, signature))
	input, _ := wire.Get("Signature-Input")
	want, _ := wire.Get("Signature")
	f.Add(input, want)
	f.Add(`sig=("@status" "signature";req)`, "sig=::")
	f.Add(input+";created=1", want)
	f.Add("", "")
	f.Fuzz(func(t *testing.T, in, sig string) {
		h := http1.Header{}
		for _, field := range wire {
			switch field.Name {
			case "Signature-Input":
				field.Value = in
			case "Signature":
				field.Value = sig
			}
			h = append(h, field)
		}
		if key.CheckAnswer(h, a.status, signature) && (in != input || sig != want) {
			t.Errorf("took %q and %q", in, sig)
		}
	})
}

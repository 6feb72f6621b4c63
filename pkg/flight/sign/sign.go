// Package sign is one profile of HTTP Message Signatures (RFC 9421) with
// hmac-sha256: nobody else is served, and nobody else is believed. It keeps
// nothing secret but the key: what is on the wire can be read there.
//
// The profile is fixed to the byte. A request covers its method, authority,
// path and query, its Range where it has one, and a nonce that is new for each
// attempt; an answer covers its status, those of the fields in answerFields
// that it has, and the request's signature, so that it can neither be replayed
// nor moved to another request. Both are compared as bytes: there is no parser
// of structured fields here that could be fooled. The body is covered by way of
// Content-Digest (RFC 9530).
//
// Freshness comes from the nonce and not from time, for a payload's clock may
// be unset (docs/platform.md, "Running user code").
package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"

	"payload-ipc/pkg/flight/http1"
)

// A Key is shared by the two programs of one run.
type Key [32]byte

// ErrKey is what is wrong with every key that ParseKey refuses. It does not
// repeat the key.
var ErrKey = errors.New("want 64 hexadecimal digits, a key of 32 bytes")

// ParseKey reads a key in hexadecimal, of either case.
func ParseKey(s string) (*Key, error) {
	k := new(Key)
	if len(s) != 2*len(k) {
		return nil, ErrKey
	}
	for i := range len(s) {
		digit := strings.IndexByte("0123456789abcdef", s[i]|0x20)
		if digit < 0 || s[i] < '0' {
			return nil, ErrKey
		}
		k[i/2] = k[i/2]<<4 | byte(digit)
	}
	return k, nil
}

// A Request is what the signature of a request covers beside the nonce.
type Request struct {
	Method    string
	Authority string // the Host field: address and port of the server, in lower case
	Target    string // path and query as they are on the wire
	Range     string // the Range field; "" where there is none
}

// label is the name of the one signature of a message.
const label = "sig="

// params are the @signature-params of r (RFC 9421 section 2.3) up to the
// nonce.
func (r Request) params() string {
	if r.Range != "" {
		return `("@method" "@authority" "@path" "@query" "range");nonce="`
	}
	return `("@method" "@authority" "@path" "@query");nonce="`
}

// sign is the signature of r with these @signature-params.
func (k *Key) sign(r Request, params string) string {
	path, query, _ := strings.Cut(r.Target, "?")
	var room [roomy]byte
	b := newBase(room[:0], k[:]).line("@method", r.Method).line("@authority", r.Authority).
		line("@path", path).line("@query", "?"+query) // a "?" alone where there is none: section 2.2.7
	if r.Range != "" {
		b = b.line("range", r.Range)
	}
	return b.signature(params)
}

// SignRequest adds the two signature fields to h, the head of r. nonce must be
// one that ValidNonce takes and that was not used with this key before. The
// signature comes back, for CheckAnswer.
func (k *Key) SignRequest(h http1.Head, r Request, nonce string) (signed http1.Head, signature string) {
	params := r.params() + nonce + `"`
	signature = k.sign(r, params)
	return h.Field("Signature-Input", label+params).Field("Signature", signature), signature
}

// CheckRequest reports whether h, the header of r, carries r's signature under
// this key. The signature comes back, for SignAnswer.
func (k *Key) CheckRequest(h http1.Header, r Request) (signature string, ok bool) {
	input, inputs := h.Get("Signature-Input")
	signature, signatures := h.Get("Signature")
	before, end := len(label+r.params()), len(input)-1
	if inputs != 1 || signatures != 1 || end < before || !ValidNonce(input[before:end]) {
		return "", false
	}
	params := r.params() + input[before:end] + `"`
	return signature, input == label+params && equal(signature, k.sign(r, params))
}

// ValidNonce reports whether s can be a nonce: 8 to 64 letters, digits, "-",
// "_" and ".".
func ValidNonce(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// answerFields are the fields of an answer that its signature covers, where it
// has them, in this order. Whoever takes one away or adds one breaks the
// signature, for what is covered follows from what is there.
var answerFields = [...]string{"content-length", "content-range", "content-location", "content-digest", "repr-digest", "location"}

// answer is the @signature-params and the signature of an answer to the request
// that was signed with request. ok is false where one of the fields stands in h
// twice.
func (k *Key) answer(h http1.Header, status int, request string) (params, signature string, ok bool) {
	p := append(make([]byte, 0, 128), `("@status"`...)
	var room [roomy]byte
	b := newBase(room[:0], k[:]).line("@status", string(http1.AppendInt(nil, int64(status))))
	for _, name := range answerFields {
		switch value, lines := h.Get(name); lines {
		case 0:
		case 1:
			p = append(append(append(p, ` "`...), name...), '"')
			b = b.line(name, value)
		default:
			return "", "", false
		}
	}
	params = string(append(p, ` "signature";req)`...))
	b = append(append(append(b, `"signature";req: `...), request...), '\n')
	return params, b.signature(params), true
}

// SignAnswer adds the two signature fields to h, the head of an answer to the
// request that was signed with request. All other fields are there already.
func (k *Key) SignAnswer(h http1.Head, status int, request string) http1.Head {
	var room [16]http1.Field
	params, signature, ok := k.answer(fields(room[:0], string(h)), status, request)
	if !ok {
		panic("sign: a field stands twice in an answer")
	}
	return h.Field("Signature-Input", label+params).Field("Signature", signature)
}

// CheckAnswer reports whether h is the header of an answer with that status
// which was signed under this key for the request signed with request. It
// vouches for the body only as far as a Content-Digest does.
func (k *Key) CheckAnswer(h http1.Header, status int, request string) bool {
	params, want, ok := k.answer(h, status, request)
	input, inputs := h.Get("Signature-Input")
	signature, signatures := h.Get("Signature")
	return ok && inputs == 1 && signatures == 1 && input == label+params && equal(signature, want)
}

// fields are those of a head that is still being built, as a reader of it will
// see them, in h, which is empty.
func fields(h http1.Header, head string) http1.Header {
	for head != "" {
		var line string
		line, head, _ = strings.Cut(head, "\r\n")
		if name, value, ok := strings.Cut(line, ": "); ok {
			h = append(h, http1.Field{Name: name, Value: value})
		}
	}
	return h
}

// A base is a signature base in the making (RFC 9421 section 2.5). It stands
// behind the key's inner pad (RFC 2104), so that it is hashed where it is.
type base []byte

// roomy is how long a base may be without being moved to where there is room.
const roomy = 1 << 10

// newBase begins one under key, of at most 64 bytes, in b, which is empty.
func newBase(b base, key []byte) base {
	b = append(append(b, key...), make([]byte, sha256.BlockSize-len(key))...)
	for i := range b {
		b[i] ^= 0x36
	}
	return b
}

// line adds a component and its value.
func (b base) line(name, value string) base {
	b = append(append(append(b, '"'), name...), `": `...)
	return append(append(b, value...), '\n')
}

// signature closes b and is the Signature field.
func (b base) signature(params string) string {
	sum := append(append(b, `"@signature-params": `...), params...).mac()
	s := append(make([]byte, 0, 64), label+":"...)
	return string(append(base64.StdEncoding.AppendEncode(s, sum[:]), ':'))
}

// mac is HMAC-SHA-256 of b. It stands here because crypto/hmac brings kilobytes
// of what nothing aboard needs.
func (b base) mac() [sha256.Size]byte {
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range sha256.BlockSize {
		outer[i] = b[i] ^ 0x36 ^ 0x5c
	}
	sum := sha256.Sum256(b)
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// equal compares in a time that depends on the lengths alone.
func equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	var differ byte
	for i := range len(a) {
		differ |= a[i] ^ b[i]
	}
	return differ == 0
}

package serve

import (
	"crypto/sha256"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/sign"
)

// authorized reports whether x may be answered: it is signed, or needs not be.
// The authority must be this end of the connection, or whoever answers at
// another address could pass requests on.
func (x *exchange) authorized() bool {
	if x.r.Key == nil {
		return true
	}
	ok := false
	if rng, lines := x.q.Header.Get("Range"); lines <= 1 {
		x.signature, ok = x.r.Key.CheckRequest(x.q.Header, sign.Request{
			Method: x.q.Method, Authority: addrPort(x.nc.LocalAddr()).String(), Target: x.q.Raw, Range: rng,
		})
	}
	if !ok {
		x.signature = ""
	}
	return ok || x.r.Open != "" && x.q.Raw == x.r.Open
}

// identify reads the request of a connection that is turned away, for a moment,
// so that the answer can be signed: an unsigned one is nothing to its client.
func (x *exchange) identify() {
	x.nc.SetReadDeadline(x.r.Window.Mono().Add(lingerTime))
	if q, err := x.in.ReadRequest(); err == nil {
		x.q = q
		x.authorized()
	}
}

// unauthorized refuses x without a look at any file. It is the one answer that
// nothing signs.
func (x *exchange) unauthorized() error {
	x.close = true
	return x.refuse(401, "not signed with the key of this server")
}

// undigested refuses what would be sent without a Content-Digest: the signature
// covers a body by nothing else.
func (x *exchange) undigested() error {
	return x.refuse(403, "with a key all has a Content-Digest: one range of at most 8 MiB, or a listing of 1 MiB")
}

// digested adds the digest of body, all of it, where the answer is signed.
func (x *exchange) digested(h http1.Head, body []byte) http1.Head {
	if x.signature != "" {
		h = digestField(h, sha256.Sum256(body))
	}
	return h
}

// end closes h, the head of the answer to x, signed where the request was.
func (x *exchange) end(h http1.Head) http1.Head {
	if x.signature != "" {
		h = x.r.Key.SignAnswer(h, x.status, x.signature)
	}
	return h.End()
}

package peer

import (
	"crypto/sha256"
	"hash"
	"os"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/sign"
)

// A pending is a request that was sent, until its answer is there.
type pending struct {
	signature string
	digest    bool // who asks compares the digest of the answer
}

// newNonces begins a series of nonces. They must be new, not secret, and
// nothing waits for entropy at boot: /dev/urandom never does, and where it is
// missing or has nothing yet, the clocks and the number of the process must do.
func (s *Client) newNonces() *sign.Nonces {
	seed := make([]byte, 32)
	if f, err := os.Open("/dev/urandom"); err == nil {
		f.Read(seed)
		f.Close()
	}
	for _, n := range []int64{s.Window.Now().UnixNano(), int64(s.Window.Elapsed()), int64(os.Getpid())} {
		seed = append(http1.AppendInt(seed, n), ' ')
	}
	return sign.NewNonces(seed)
}

// signed ends h, the head of q, with a signature if there is a key.
func (c *conn) signed(h http1.Head, q Request) http1.Head {
	if k := c.s.Key; k != nil {
		var p pending
		h, p.signature = k.SignRequest(h, sign.Request{
			Method: q.method(), Authority: c.from.host, Target: q.Target, Range: q.ranges(),
		}, c.s.nonces.Next())
		p.digest = q.Digest
		c.pending <- p
	}
	return h.End()
}

// believe checks that a is signed for the request that it answers, and that a
// digest stands for its content. Nobody else is believed.
func (c *conn) believe(a *Answer, method string) error {
	k := c.s.Key
	if k == nil {
		return nil
	}
	p := <-c.pending
	want, ok, err := http1.ParseDigest(a.Header, "Content-Digest")
	empty := method == "HEAD" || a.Body.Length() == 0
	if !k.CheckAnswer(a.Header, a.Status, p.signature) || !empty && (err != nil || !ok) {
		return &Fault{Class: "unsigned", Text: c.from.host + " answered " + itoa(int64(a.Status)) + ", not signed with this run's key"}
	}
	if !empty && !p.digest {
		a.proof = &proof{sha256.New(), want}
	}
	return nil
}

// A proof is of the body of an answer whose digest nobody else compares.
type proof struct {
	sum  hash.Hash
	want [sha256.Size]byte
}

// add takes the next bytes.
func (p *proof) add(b []byte) {
	if p != nil {
		p.sum.Write(b)
	}
}

// fails reports that all that came is something else than was signed.
func (p *proof) fails() bool { return p != nil && [sha256.Size]byte(p.sum.Sum(nil)) != p.want }

var errProof = &Fault{Class: "digest", Text: "the body does not match its digest, which is signed"}

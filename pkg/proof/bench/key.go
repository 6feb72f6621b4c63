package bench

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"payload-ipc/pkg/flight/http1"
	"payload-ipc/pkg/flight/sign"
)

// What a key costs a piece, signed and checked at both ends: as a part of the
// time that the piece takes on the payloads' wire (docs/platform.md), and of
// what it takes here, where there is no wire.
const (
	keyCost     = "what a key adds to a 1 MiB piece, part of its time on the wire (117.7 MB/s)"
	keyCostHere = "1 MiB piece with a key, time / time without, and no wire"

	onTheWire = pieceSize * time.Second / 117_700_000
)

// keyed is our server with a key, beside the one without.
func (b Bench) keyed(s *site, plain string, r *Results) error {
	key := &sign.Key{1, 2, 3}
	here := *s
	run, err := here.start(server{ours + " with a key", func(s *site) []string {
		return []string{filepath.Join(s.bin, "sdr-serve"), "--listen", s.addr(), "--root", s.root, "--log", "-", "--key", hex.EncodeToString(key[:])}
	}}, smallName)
	if err != nil {
		return err
	}
	defer run.end()
	without, with := newClient(plain), newClient(run.addr)
	defer without.close()
	defer with.close()
	nonces := sign.NewNonces([]byte(run.addr))
	var plainly, more []time.Duration
	// A piece of one, a piece of the other: what else the machine does meets both.
	for at := range b.Big / pieceSize {
		var took [2]time.Duration
		for i := range took {
			i = (i + int(at)) % 2
			from, to := at*pieceSize, (at+1)*pieceSize-1
			begin := time.Now()
			if i == 0 {
				_, err = without.ranged(bigName, from, to, "Want-Content-Digest: sha-256=1")
			} else {
				err = with.signed(key, nonces, bigName, from, to)
			}
			if err != nil {
				return err
			}
			took[i] = time.Since(begin)
		}
		plainly, more = append(plainly, took[0]), append(more, took[1]-took[0])
	}
	if len(more) == 0 {
		r.note(ours, keyCost, "the file is shorter than a piece")
		return nil
	}
	slices.Sort(plainly)
	slices.Sort(more)
	added := float64(more[len(more)/2])
	r.add(ours, keyCost, added/float64(onTheWire))
	r.add(ours, keyCostHere, 1+added/float64(plainly[len(plainly)/2]))
	return nil
}

// signed asks for a range under a key, and checks the answer.
func (c *client) signed(key *sign.Key, nonces *sign.Nonces, path string, from, to int64) error {
	q := sign.Request{Method: "GET", Authority: c.addr, Target: path, Range: fmt.Sprintf("bytes=%d-%d", from, to)}
	fields, signature := key.SignRequest(nil, q, nonces.Next())
	// The client has a Host of its own; the server goes by its address.
	a, err := c.ranged(path, from, to, strings.TrimSuffix(string(fields), "\r\n"))
	if err != nil {
		return err
	}
	var h http1.Header
	for line := range strings.SplitSeq(a.head, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			h = append(h, http1.Field{Name: name, Value: value})
		}
	}
	if !key.CheckAnswer(h, a.status, signature) {
		return errors.New("the answer is not signed")
	}
	return nil
}

package bench

import (
	"crypto/sha256"
	"runtime"
	"time"
)

// What is measured of servers, by its name in Results.
const (
	firstByte  = "start to first byte, ms"
	bigRate    = "1 GiB file, MB/s"
	bigCPU     = "1 GiB file, CPU s per GiB"
	rangesRate = "16 ranges at once, MB/s"
	peak64     = "peak memory at 64 connections, MB"
	plainRate  = "1 MiB pieces, plain, MB/s"
	digestRate = "1 MiB pieces, digests, MB/s"
	digest2    = "1 MiB pieces, digests, 2 connections, MB/s"
	shaRate    = "SHA-256 on one processor, MB/s"
)

var smallRates = map[int]string{1: "4 KiB file, 1 connection, requests/s", 8: "4 KiB file, 8 connections, requests/s", 64: "4 KiB file, 64 connections, requests/s"}

// server measures one server once: the process is fresh, the file in memory.
func (b Bench) server(s *site, srv server, r *Results) error {
	run, err := s.start(srv, smallName)
	if err != nil {
		return err
	}
	defer run.end()
	add := func(what string, v float64) { r.add(srv.name, what, v) }
	add(firstByte, ms(run.first))

	for _, conns := range []int{1, 8, 64} {
		l := many(run.addr, smallName, smallSize, conns, b.Load)
		if l.requests == 0 || l.failed > l.requests {
			r.note(srv.name, smallRates[conns], "most requests failed")
			continue
		}
		add(smallRates[conns], float64(l.requests)/l.took.Seconds())
	}
	add(peak64, float64(run.peakMemory())/1e6)
	// A server that serves 64 at a time has to see first that they are gone.
	time.Sleep(50 * time.Millisecond)

	for range 2 {
		before := run.cpuTime()
		l, err := whole(run.addr, bigName)
		if err != nil {
			return err
		}
		add(bigRate, rate(l))
		add(bigCPU, (run.cpuTime()-before).Seconds()*float64(1<<30)/float64(l.bytes))
	}

	if !knowsRanges(run.addr, smallName) {
		r.note(srv.name, rangesRate, errNoRanges.Error())
		r.note(srv.name, plainRate, errNoRanges.Error())
		return nil
	}
	l, err := parallelRanges(run.addr, bigName, b.Big, 16)
	if err != nil {
		r.note(srv.name, rangesRate, err.Error())
	} else {
		add(rangesRate, rate(l))
	}
	if l, err = pieces(run.addr, bigName, b.Big, pieceSize, 1, false); err != nil {
		r.note(srv.name, plainRate, err.Error())
	} else {
		add(plainRate, rate(l))
	}
	if srv.name != ours {
		return nil
	}
	for what, conns := range map[string]int{digestRate: 1, digest2: 2} {
		if l, err = pieces(run.addr, bigName, b.Big, pieceSize, conns, true); err != nil {
			return err
		}
		add(what, rate(l))
	}
	return b.keyed(s, run.addr, r)
}

func rate(l load) float64 { return float64(l.bytes) / l.took.Seconds() / 1e6 }

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// sha measures the bound of every digest on this machine.
func sha(r *Results, rounds int) {
	runtime.GC()
	b := make([]byte, 1<<20)
	for range rounds {
		begin := time.Now()
		for range 256 {
			sha256.Sum256(b)
		}
		r.add("this machine", shaRate, float64(256<<20)/time.Since(begin).Seconds()/1e6)
	}
}

package bench

import (
	"fmt"
	"math"
)

// A Target is a figure that an issue asks for, and what was seen.
type Target struct {
	What  string
	Want  string
	Got   float64
	Low   float64 // spread of Got over the rounds
	High  float64
	Holds bool
	Known bool // it was measured
}

// Targets judges r.
func (r *Results) Targets(verify int64) []Target {
	atLeast := func(what string, got sample, want float64) Target {
		return Target{what, fmt.Sprintf("at least %.2f", want), got.median(), got.low(), got.high(), got.median() >= want, len(got) > 0}
	}
	atMost := func(what string, got sample, want float64) Target {
		return Target{what, fmt.Sprintf("at most %.2f", want), got.median(), got.low(), got.high(), got.median() <= want, len(got) > 0}
	}
	const nethttp, nginx = "net/http FileServer", "nginx"
	best := nethttp
	if r.of(nginx, bigRate).median() > r.of(best, bigRate).median() {
		best = nginx
	}
	latency := r.of(oursDigest, published)
	p99 := atMost("accept to published, 99th percentile, ms", latency, 400)
	p99.Got, p99.Holds = latency.at(0.99), latency.at(0.99) <= 400
	return []Target{
		atLeast("sdr-serve: plain throughput, ratio to the better of nginx and net/http (here "+best+")", r.ratio(ours, best, bigRate), 0.95),
		atMost("sdr-serve: CPU per GiB, ratio to nginx", r.ratio(ours, nginx, bigCPU), 1.2),
		atMost("sdr-serve: peak memory at 64 connections, ratio to net/http", r.ratio(ours, nethttp, peak64), 1),
		atLeast("sdr-serve: 1 MiB pieces with digests, 2 connections, ratio to the plain file", r.over(ours, digest2, bigRate), 0.35),
		atLeast("the same, 1 connection", r.over(ours, digestRate, bigRate), 0.35),
		atLeast("the same, ratio to the same pieces without digests", r.over(ours, digestRate, plainRate), 0.35),
		atLeast("sdr-serve: digests, ratio to the wire's 117.7 MB/s (several times)", r.scaled(ours, digestRate, 1/117.7), 3),
		atMost("sdr-serve: "+keyCost, r.of(ours, keyCost), 0.01),
		atMost("sabertooth-fetch: accept to published, median, ms", latency, 200),
		p99,
		atMost("sabertooth-fetch: bytes received / size under 20 resets", r.of(oursDigest, receivedRatio), 1.02),
		atMost(fmt.Sprintf("sabertooth-fetch: %d MiB of verified pieces, ratio to curl", verify>>20), r.against(oursDigest, "curl --retry", verifySecs), 3),
		atMost("sabertooth-fetch: a directory of 1,000 files of 4 KiB as one archive, ratio to "+curlParallel, r.against(oursArchive, curlParallel, directorySecs), 3),
		atMost("the same, as 1,000 files with their receipts", r.against(oursDigest, curlParallel, directorySecs), 3),
	}
}

// ratio is a's rounds over the median of b: what the spread of a does to it.
func (r *Results) ratio(a, b, what string) sample { return r.against(a, b, what) }

func (r *Results) against(a, b, what string) (s sample) {
	m := r.of(b, what).median()
	for _, v := range r.of(a, what) {
		if !math.IsNaN(m) {
			s = append(s, v/m)
		}
	}
	return s
}

func (r *Results) over(who, a, b string) (s sample) {
	m := r.of(who, b).median()
	for _, v := range r.of(who, a) {
		s = append(s, v/m)
	}
	return s
}

func (r *Results) scaled(who, what string, by float64) (s sample) {
	for _, v := range r.of(who, what) {
		s = append(s, v*by)
	}
	return s
}

// Wrong counts files that our fetcher told as right and that were not.
func (r *Results) Wrong() (n int) {
	for k, s := range r.samples {
		if (k.who == oursDigest || k.who == oursPlain) && len(k.what) > len(wrong) && k.what[len(k.what)-len(wrong):] == wrong {
			n += len(s)
		}
	}
	return n
}

package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// SpecError is something that no satellite could do; Flag says where it is.
type SpecError struct {
	Flag, Why string
}

func (e *SpecError) Error() string { return "--" + e.Flag + ": " + e.Why }

// Check finds what is wrong with s before anything is asked or sent. The error
// is a *SpecError.
func (s Spec) Check() error {
	checks := []func() *SpecError{s.checkPayloads, s.checkTimes, s.checkAddresses, s.checkFiles}
	if s.Survey { // which fetches nothing
		checks = checks[:2]
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func bad(flag, format string, a ...any) *SpecError {
	return &SpecError{flag, fmt.Sprintf(format, a...)}
}

func (s Spec) checkTimes() *SpecError {
	for _, d := range []struct {
		flag string
		d    time.Duration
		p    Payload
	}{{"sdr-duration", s.SDRDuration, s.from()}, {"fetch-duration", s.FetchDuration, s.to()}} {
		if d.d < d.p.Min {
			return bad(d.flag, "%v is shorter than a %s window may be; give %v or more", d.d, d.p.Window(), d.p.Min)
		}
		if d.d > 24*time.Hour {
			return bad(d.flag, "%v is longer than a day; give less", d.d)
		}
	}
	for _, d := range []struct {
		flag string
		d    time.Duration
	}{{"sdr-duration", s.SDRDuration}, {"fetch-duration", s.FetchDuration}, {"fetch-delay", s.FetchDelay}, {"lead", s.Lead}, {"every", s.Every}} {
		if d.d < 0 {
			return bad(d.flag, "%v is negative; give 0s or more", d.d)
		}
		if d.d%time.Second != 0 {
			return bad(d.flag, "%v is not in whole seconds, as windows are; round it", d.d)
		}
	}
	switch {
	case s.Lead > maxAhead:
		return bad("lead", "%v is more than a year; give less", s.Lead)
	case s.Overlap() <= 0:
		return bad("fetch-delay", "with %v the SDR's window of %v ends before the fetcher's begins, and the two never meet; give less", s.FetchDelay, s.SDRDuration)
	case s.UplinkRate < 1:
		return bad("uplink-rate", "nothing goes up at %d bytes a day; give a size such as 125KB", s.UplinkRate)
	case s.Repeat < 0 || s.Repeat > maxRepeat:
		return bad("repeat", "%d is not between 1 and %d", s.Repeat, maxRepeat)
	case s.Repeat > 1 && s.Every < s.apart():
		return bad("every", "%s is less than one pass with its buffers takes; give %s or more", Span(s.Every), s.apart())
	case s.DownlinkBudget < 0:
		return bad("downlink-budget", "%d is negative; give 1", s.DownlinkBudget)
	}
	return nil
}

// maxAhead is how far ahead of its time a plan may begin; what is farther is a slip.
const maxAhead = 365 * 24 * time.Hour

// maxRepeat is how many passes one deployment has at most.
const maxRepeat = 100

// apart is how far the starts of two passes are apart at least, so that their
// windows and buffers do not meet.
func (s Spec) apart() time.Duration {
	from, to := s.from(), s.to()
	return max(from.Before+s.SDRDuration+from.After, to.Before+s.FetchDuration+to.After)
}

// checkPayloads also finds out whether the fetcher would be let in.
func (s Spec) checkPayloads() *SpecError {
	for _, p := range []struct{ flag, name string }{{"from-payload", s.FromPayload}, {"to-payload", s.ToPayload}} {
		if _, ok := PayloadNamed(p.name); p.name != "" && !ok {
			return bad(p.flag, "%q is no payload; give SDR, SABERTOOTH, IPI or DEXTER", p.name)
		}
	}
	if s.from().Name == s.to().Name {
		return bad("to-payload", "%s would fetch from itself; give two payloads", s.to().Name)
	}
	if err, ok := s.CheckHandOver().(*SpecError); ok {
		return err
	}
	for _, a := range s.to().Addrs {
		if len(s.Allow) > 0 && !slices.ContainsFunc(s.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return bad("allow", "%s, the %s's address, may not read with that, and the pass would bring nothing; add --allow %s", a, s.to().Name, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return nil
}

// CheckHandOver refuses a program that goes to both payloads and can run on one
// of them only. The error is a *SpecError.
func (s Spec) CheckHandOver() error {
	if from, to := s.from(), s.to(); s.HandOver && from.Arch != to.Arch {
		return bad("hand-over", "the %s (%s) cannot hand a program over to the %s (%s); leave it out", from.Name, from.Arch, to.Name, to.Arch)
	}
	return nil
}

func (s Spec) checkAddresses() *SpecError {
	if len(s.SDR) == 0 {
		return bad("sdr", "no address of the %s; give it, such as 10.2.1.8", s.from().Name)
	}
	for i, a := range s.SDR {
		for _, own := range s.to().Addrs {
			if a == own {
				return bad("sdr", "%v is the %s's own address; give the server's, such as 10.2.1.8", a, s.to().Name)
			}
		}
		for _, b := range s.SDR[:i] {
			if a == b {
				return bad("sdr", "%v is there twice; give it once", a)
			}
		}
		if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return bad("sdr", "%v is no address of a computer; give the SDR's, such as 10.2.1.8", a)
		}
	}
	if len(s.SDR) > 16 {
		return bad("sdr", "%d addresses are more than the fetcher tries; give at most 16", len(s.SDR))
	}
	if s.Port < MinPort || s.Port > 65535 {
		return bad("port", "%d is not between %d and 65535, the ports that the payloads leave open", s.Port, MinPort)
	}
	return nil
}

package plan

import (
	"net/netip"
	"strings"
	"time"

	"payload-ipc/pkg/ground/survey"
)

// Names of the payload computers.
const (
	SDR        = "SDR"
	Sabertooth = "SABERTOOTH"
	IPI        = "IPI"
	Dexter     = "DEXTER"
)

// Payload is a computer of a satellite, as docs/platform.md describes it.
type Payload struct {
	Name          string
	Before, After time.Duration // buffers that the satellite needs around a window
	Min           time.Duration // shortest window that it takes
	Arch          string        // GOARCH of its programs
	Addrs         []netip.Addr  // where the others see it; none is documented for DEXTER
}

// Window is the type of its windows.
func (p Payload) Window() string { return windowPrefix + p.Name }

const windowPrefix = "PAYLOAD_"

func addrs(list ...string) (out []netip.Addr) {
	for _, a := range list {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// Payloads are the documented ones.
var Payloads = []Payload{
	{SDR, 120 * time.Second, 210 * time.Second, 30 * time.Second, "arm64", addrs("10.2.1.8", "10.2.1.12")},
	{Sabertooth, 180 * time.Second, 210 * time.Second, 30 * time.Second, "arm64", addrs("10.2.1.10")},
	{IPI, 120 * time.Second, 210 * time.Second, 30 * time.Second, "arm64", addrs("10.2.1.16")},
	{Dexter, 220 * time.Second, 265 * time.Second, time.Second, "arm", nil},
}

// PayloadNamed finds a payload by its name, in any case, or by that of its
// windows.
func PayloadNamed(name string) (Payload, bool) {
	name = strings.TrimPrefix(strings.ToUpper(name), windowPrefix)
	for _, p := range Payloads {
		if p.Name == name {
			return p, true
		}
	}
	return Payload{}, false
}

// from and to are the payloads of s; SDR to SABERTOOTH where it names none.
func (s Spec) from() Payload { return payloadOr(s.FromPayload, SDR) }
func (s Spec) to() Payload   { return payloadOr(s.ToPayload, Sabertooth) }

// Payloads are the serving one and the fetching one.
func (s Spec) Payloads() (from, to Payload) { return s.from(), s.to() }

func payloadOr(name, fallback string) Payload {
	if p, ok := PayloadNamed(name); ok {
		return p
	}
	p, _ := PayloadNamed(fallback)
	return p
}

// WindowTypes are those of a pair: the server's and the fetcher's.
func (s Spec) WindowTypes() [2]string { return [2]string{s.from().Window(), s.to().Window()} }

// Expected is what a survey of p should find.
func (p Payload) Expected() survey.Expected {
	e := survey.Expected{Machine: map[string]string{"arm64": "aarch64", "arm": "armv7l"}[p.Arch]}
	for _, a := range p.Addrs {
		e.Addrs = append(e.Addrs, a.String())
	}
	return e
}

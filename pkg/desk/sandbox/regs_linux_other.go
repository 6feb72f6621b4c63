//go:build linux && !amd64

package sandbox

import "errors"

// canAnswer: on other machines payloads see the host's clock.
const (
	canAnswer  = false
	nativeArch = 0
	sysTime    = 0
)

type syscallStop struct {
	number uint64
	args   [2]uint64
}

func stoppedCall(int) (*syscallStop, error) { return nil, errors.ErrUnsupported }

func (*syscallStop) finish(int64) error { return errors.ErrUnsupported }

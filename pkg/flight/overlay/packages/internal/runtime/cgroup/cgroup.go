// Package cgroup tells the runtime that no control group limits the number of
// processors: whoever rents a window has the payload to himself.
package cgroup

type stringError string

func (e stringError) Error() string { return string(e) }

const (
	ErrNoCgroup = stringError("not in a cgroup")
	ScratchSize = 1
)

type CPU struct{}

func OpenCPU([]byte) (CPU, error)             { return CPU{}, ErrNoCgroup }
func ReadCPULimit(CPU) (float64, bool, error) { return 0, false, nil }
func (CPU) Close()                            {}

package time

// Without zone files there is nothing to read; sys_unix.go has these from here.
const (
	seekStart = 0
	seekEnd   = 2
)

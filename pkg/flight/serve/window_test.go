package serve

import (
	"time"

	"payload-ipc/pkg/flight/window"
)

// unset is a window on a computer whose clock counts from 1970.
func unset() window.Spec {
	began := time.Now()
	return window.Spec{Wall: func() time.Time { return time.Unix(100, 0).Add(time.Since(began)) }}
}

//go:build !linux

package mockfm

import (
	"errors"
	"fmt"
)

func newSandbox(cfg Config, event func(string, ...any)) (sandbox, error) {
	switch cfg.Sandbox {
	case "auto":
		event("plain sandbox, programs share this machine's files and loopback: only Linux has namespaces")
	case "plain":
	case "namespaces":
		return nil, errors.New("only Linux has namespaces")
	default:
		return nil, fmt.Errorf("sandbox %q is not one of auto, namespaces, plain", cfg.Sandbox)
	}
	return newPlain(), nil
}

package mockfm

import (
	"fmt"
	"runtime"
)

// native says whether the host runs programs of this architecture itself.
func native(arch string) bool { return arch == runtime.GOARCH }

func newSandbox(cfg Config, event func(string, ...any)) (sandbox, error) {
	switch cfg.Sandbox {
	case "auto", "namespaces":
		n, err := newNamespaces(cfg, event)
		if err == nil || cfg.Sandbox == "namespaces" {
			return n, err
		}
		event("plain sandbox, programs share this machine's files and loopback: %v", err)
	case "plain":
	default:
		return nil, fmt.Errorf("sandbox %q is not one of auto, namespaces, plain", cfg.Sandbox)
	}
	return newPlain(), nil
}

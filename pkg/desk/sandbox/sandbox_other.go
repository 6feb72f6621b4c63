//go:build !linux

package sandbox

import "errors"

func newNamespaces(Config) (Sandbox, error) { return nil, errors.New("only Linux has namespaces") }

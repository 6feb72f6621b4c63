// Package net is the interfaces of net, which pkg/flight/sock fills, and the names of
// types that pflag and zerolog need to compile. No payload program has a flag
// or logs a value of these types.
package net

import (
	"errors"
	"time"
)

// ErrClosed is what a closed connection gives.
var ErrClosed = errors.New("use of closed network connection")

type Addr interface {
	Network() string
	String() string
}

type Conn interface {
	Read(b []byte) (n int, err error)
	Write(b []byte) (n int, err error)
	Close() error
	LocalAddr() Addr
	RemoteAddr() Addr
	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

type Listener interface {
	Accept() (Conn, error)
	Close() error
	Addr() Addr
}

type Error interface {
	error
	Timeout() bool
	Temporary() bool
}

type (
	IP           []byte
	IPMask       []byte
	HardwareAddr []byte
	IPNet        struct {
		IP   IP
		Mask IPMask
	}
)

var errAbsent = errors.New("package net is not aboard")

func (IP) String() string                   { return "" }
func (IPMask) String() string               { return "" }
func (IPMask) Size() (ones, bits int)       { return 0, 0 }
func (HardwareAddr) String() string         { return "" }
func (IPNet) String() string                { return "" }
func ParseIP(string) IP                     { return nil }
func ParseCIDR(string) (IP, *IPNet, error)  { return nil, nil, errAbsent }
func CIDRMask(ones, bits int) IPMask        { return nil }
func (ip IP) To4() IP                       { return nil }
func IPv4Mask(a, b, c, d byte) IPMask       { return nil }
func ParseMAC(string) (HardwareAddr, error) { return nil, errAbsent }

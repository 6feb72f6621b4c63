package app

import (
	"net"
	"net/netip"
)

// open listens on addr. An IPv4 address means IPv4 only.
func open(addr netip.AddrPort) (net.Listener, error) {
	network := "tcp"
	if addr.Addr().Is4() {
		network = "tcp4"
	}
	return net.ListenTCP(network, net.TCPAddrFromAddrPort(addr))
}

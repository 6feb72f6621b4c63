package sandbox

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The few rtnetlink(7) requests a switch and its cables take, so that the host
// needs no ip program.

var host = binary.NativeEndian

// attr appends one attribute (struct rtattr), padded to four bytes.
func attr(b []byte, kind uint16, value []byte) []byte {
	b = host.AppendUint16(b, uint16(4+len(value)))
	b = host.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func text(s string) []byte { return append([]byte(s), 0) }

func number(n int) []byte { return host.AppendUint32(nil, uint32(n)) }

// ifinfo is a struct ifinfomsg: the link's index, and its up flag.
func ifinfo(index int, flags, change uint32) []byte {
	b := []byte{unix.AF_UNSPEC, 0, 0, 0}
	b = host.AppendUint32(b, uint32(index))
	b = host.AppendUint32(b, flags)
	return host.AppendUint32(b, change)
}

// request sends one message and waits for the kernel's yes or no.
func request(kind uint16, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	msg := host.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	msg = host.AppendUint16(msg, kind)
	msg = host.AppendUint16(msg, unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	msg = host.AppendUint32(msg, 1) // sequence
	msg = host.AppendUint32(msg, 0)
	msg = append(msg, body...)
	if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || host.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("netlink: strange answer of %d bytes", n)
	}
	if code := int32(host.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

func index(name string) (int, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	return link.Index, nil
}

func addBridge(name string) (int, error) {
	body := attr(ifinfo(0, 0, 0), unix.IFLA_IFNAME, text(name))
	body = attr(body, unix.IFLA_LINKINFO, attr(nil, unix.IFLA_INFO_KIND, []byte("bridge")))
	if err := request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body); err != nil {
		return 0, err
	}
	return index(name)
}

// addVeth lays a cable from a port of the bridge to the network namespace of a
// process, where its end is called peer.
func addVeth(name, peer string, pid int, bridge string) error {
	master, err := index(bridge)
	if err != nil {
		return err
	}
	end := attr(ifinfo(0, 0, 0), unix.IFLA_IFNAME, text(peer))
	end = attr(end, unix.IFLA_NET_NS_PID, number(pid))
	const vethInfoPeer = 1 // linux/veth.h
	info := attr(nil, unix.IFLA_INFO_KIND, []byte("veth"))
	info = attr(info, unix.IFLA_INFO_DATA, attr(nil, vethInfoPeer, end))
	body := attr(ifinfo(0, 0, 0), unix.IFLA_IFNAME, text(name))
	body = attr(body, unix.IFLA_MASTER, number(master))
	body = attr(body, unix.IFLA_LINKINFO, info)
	return request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

func deleteLink(name string) error {
	i, err := index(name)
	if err != nil {
		return err
	}
	return request(unix.RTM_DELLINK, 0, ifinfo(i, 0, 0))
}

func setLink(name string, up bool) error {
	i, err := index(name)
	if err != nil {
		return err
	}
	flags := uint32(0)
	if up {
		flags = unix.IFF_UP
	}
	return request(unix.RTM_NEWLINK, 0, ifinfo(i, flags, unix.IFF_UP))
}

// addAddr gives a link an address in the payloads' one subnet, a /24
// (docs/platform.md, Network).
func addAddr(name, addr string) error {
	i, err := index(name)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return err
	}
	body := []byte{unix.AF_INET, 24, 0, unix.RT_SCOPE_UNIVERSE} // struct ifaddrmsg
	body = host.AppendUint32(body, uint32(i))
	body = attr(body, unix.IFA_LOCAL, a.AsSlice())
	body = attr(body, unix.IFA_ADDRESS, a.AsSlice())
	return request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

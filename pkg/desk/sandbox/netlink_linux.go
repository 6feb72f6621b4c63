package sandbox

import "github.com/vishvananda/netlink"

// The few requests of rtnetlink(7) that a switch and its cables take, so that
// the host needs no ip program.

// named are the attributes of a new link.
func named(name string) netlink.LinkAttrs {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return attrs
}

func addBridge(name string) error {
	return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: named(name)})
}

// addVeth lays a cable from a port of the bridge to the network namespace of a
// process, where its end is called peer.
func addVeth(name, peer string, pid int, bridge string) error {
	master, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	attrs := named(name)
	attrs.MasterIndex = master.Attrs().Index
	return netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer, PeerNamespace: netlink.NsPid(pid)})
}

func deleteLink(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkDel(link)
}

func setLink(name string, up bool) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if up {
		return netlink.LinkSetUp(link)
	}
	return netlink.LinkSetDown(link)
}

// addAddr gives a link an address in the payloads' one subnet, a /24
// (docs/platform.md, Network).
func addAddr(name, addr string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(addr + "/24")
	if err != nil {
		return err
	}
	return netlink.AddrAdd(link, a)
}

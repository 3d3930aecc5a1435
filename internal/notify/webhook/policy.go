package webhook

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Policy says where a webhook may connect to. The zero value is the right one
// in production: public unicast addresses only, every port.
type Policy struct {
	// Allow opens ranges that are closed by default, such as 127.0.0.0/8 for a
	// demonstration or 10.20.0.0/16 for merchants inside the house. Whoever may
	// set an endpoint's URL can then reach everything in them.
	// An IPv4 range also covers the same addresses written as ::ffff:a.b.c.d.
	Allow []netip.Prefix
	// Ports are the only ports that may be used; empty: all. It holds for
	// allowed ranges too.
	Ports []uint16
}

// BlockedError says that the policy forbids a connection, and by what kind of
// rule. It holds no address.
type BlockedError struct {
	// Reason is of a closed set: "private network", "loopback", "port", ...
	Reason string
}

// Error names the rule.
func (e *BlockedError) Error() string { return "connecting there is not allowed: " + e.Reason }

// Check says what is wrong with the policy itself.
func (p Policy) Check() error {
	for i, prefix := range p.Allow {
		if !prefix.IsValid() {
			return fmt.Errorf("allowed range %d is not a network such as 10.20.0.0/16", i+1)
		}
		if prefix.Addr().Is4In6() {
			return fmt.Errorf("allowed range %d must be written as IPv4", i+1) // it would match nothing: see Permit
		}
	}
	if slices.Contains(p.Ports, 0) {
		return fmt.Errorf("0 is not a port")
	}
	return nil
}

// Permit decides about an address that is about to be connected to. nil: go
// on; else a *BlockedError.
func (p Policy) Permit(remote netip.AddrPort) error {
	// Ranges have no zone, and an address with one is in none of them.
	addr := remote.Addr().Unmap().WithZone("")
	if !addr.IsValid() {
		return &BlockedError{Reason: reasonNoAddress}
	}
	if !p.permitsPort(remote.Port()) {
		return &BlockedError{Reason: reasonPort}
	}
	for _, allowed := range p.Allow {
		if allowed.Contains(addr) {
			return nil
		}
	}
	for _, c := range closedRanges {
		if c.prefix.Contains(addr) {
			return &BlockedError{Reason: c.reason}
		}
	}
	if addr.Is6() && !globalUnicast.Contains(addr) {
		return &BlockedError{Reason: reasonReserved}
	}
	return nil
}

func (p Policy) permitsPort(port uint16) bool {
	return len(p.Ports) == 0 || slices.Contains(p.Ports, port)
}

// control is a net.Dialer's ControlContext: it runs after the name was
// resolved, before each connect, with the very address that is connected to.
func (p Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return &BlockedError{Reason: reasonNoAddress}
	}
	return p.Permit(remote)
}

package config

import "net"

// checkCallbacks checks where callbacks are taken. The address need not be a
// loopback one: the proxy that ends TLS may be on another machine.
func (c *Config) checkCallbacks(d *decoder) {
	const listen = "callbacks.listen"
	if !d.given[listen] {
		if d.given["callbacks.unverified_rate"] {
			d.at("callbacks.unverified_rate", "a rate without callbacks.listen", "both, or neither: no callbacks are taken")
		}
		return
	}
	if d.refused[listen] {
		return
	}
	if _, ok := listenable(c.Callbacks.Listen); !ok {
		d.at(listen, "something else", "an IP address with a port from 1 to 65535, such as 127.0.0.1:8090")
		return
	}
	if d.given["nats.listen"] && samePlace(c.Callbacks.Listen, c.NATS.Listen) {
		d.at(listen, "the address of nats.listen", "another port")
	}
}

// samePlace reports whether two addresses can't both be listened on.
func samePlace(one, other string) bool {
	a, ok := listenable(one)
	b, also := listenable(other)
	if !ok || !also {
		return false
	}
	_, port, _ := net.SplitHostPort(one)
	_, otherPort, _ := net.SplitHostPort(other)
	return port == otherPort && (a.Equal(b) || a.IsUnspecified() || b.IsUnspecified())
}

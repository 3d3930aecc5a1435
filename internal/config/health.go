package config

// Health says where the worker tells how it does.
type Health struct {
	// Listen is the address of /livez and /readyz, an IP and a port, without TLS;
	// empty (default): nowhere.
	Listen string `yaml:"listen"`
}

// checkHealth checks where /livez and /readyz are answered. The address need not be a
// loopback one: who asks may be on another machine.
func (c *Config) checkHealth(d *decoder) {
	const listen = "health.listen"
	if !d.given[listen] || d.refused[listen] {
		return
	}
	if _, ok := listenable(c.Health.Listen); !ok {
		d.at(listen, "something else", "an IP address with a port from 1 to 65535, such as 127.0.0.1:8082")
		return
	}
	for _, other := range []struct{ path, address string }{{"nats.listen", c.NATS.Listen}, {"callbacks.listen", c.Callbacks.Listen}} {
		if d.given[other.path] && samePlace(c.Health.Listen, other.address) {
			d.at(listen, "the address of "+other.path, "another port")
		}
	}
}

package config

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// checkNATS checks where the broker is and how it is reached. What belongs to
// the other kind of broker is a fault: it would do nothing.
func (c *Config) checkNATS(d *decoder) {
	n := c.NATS
	if !slices.Contains([]int{1, 3, 5}, n.Replicas) {
		d.at("nats.replicas", strconv.Itoa(n.Replicas), "1, 3 or 5")
	} else if n.URL == "" && n.Replicas > 1 {
		d.at("nats.replicas", strconv.Itoa(n.Replicas), "1: the embedded broker is one server")
	}
	if d.given["nats.url"] {
		c.checkServer(d)
		return
	}
	if d.given["nats.listen"] && !loopback(n.Listen) {
		d.at("nats.listen", "something else", "a loopback address with a port from 1 to 65535, such as 127.0.0.1:4222")
	}
	for _, key := range append(logins(), "password", "tls") {
		if d.given["nats."+key] {
			d.at("nats."+key, "a setting for a server at nats.url", "nothing: the broker is embedded")
		}
	}
}

// logins are the ways to log in to a server.
func logins() []string { return []string{"credentials_file", "nkey_file", "user", "token"} }

func (c *Config) checkServer(d *decoder) {
	n := c.NATS
	if problem := ServerProblem(n.URL); problem != "" {
		d.at("nats.url", problem, "nats://host:4222, several with commas between them; the login has settings of its own")
	}
	for _, key := range []string{"data_dir", "listen"} {
		if d.given["nats."+key] {
			d.at("nats."+key, "a setting for the embedded broker beside nats.url", "only one of the two")
		}
	}
	first := ""
	for _, key := range logins() {
		switch {
		case !d.given["nats."+key]:
		case first == "":
			first = key
		default:
			d.at("nats."+key, "a further way to log in beside "+first, "only one of the two")
		}
	}
	both(d, "nats", "user", "password")
	both(d, "nats.tls", "cert_file", "key_file")
	c.checkReadable(d, "nats.credentials_file", n.CredentialsFile)
	c.checkReadable(d, "nats.nkey_file", n.NKeyFile)
	c.checkReadable(d, "nats.tls.ca_file", n.TLS.CAFile)
	c.checkReadable(d, "nats.tls.cert_file", n.TLS.CertFile)
	c.checkReadable(d, "nats.tls.key_file", n.TLS.KeyFile)
}

// both demands that two settings are given together or not at all.
func both(d *decoder, path, one, other string) {
	switch haveOne, haveOther := d.given[join(path, one)], d.given[join(path, other)]; {
	case haveOne && !haveOther:
		d.at(join(path, one), one+" without "+other, "both or neither")
	case haveOther && !haveOne:
		d.at(join(path, other), other+" without "+one, "both or neither")
	}
}

func (c *Config) checkReadable(d *decoder, path, name string) {
	if !d.given[path] || d.refused[path] {
		return
	}
	if problem := unreadable(Lookup{Dir: c.dir}.resolve(name)); problem != "" {
		d.at(path, problem, "a file; relative paths are relative to this file")
	}
}

// ServerProblem says what is wrong with a list of servers as nats.url takes it, or
// "". It repeats nothing: a URL may hold a password.
func ServerProblem(list string) string {
	for _, one := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		switch {
		case err != nil || u.Hostname() == "":
			return "something else"
		case u.User != nil:
			return "a user name, password or token in an address"
		case !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			return "an address that begins with none of nats://, tls://, ws:// and wss://"
		}
	}
	return ""
}

// loopback reports whether an address is one that only this machine reaches:
// the embedded broker has no TLS and one token for everything.
func loopback(address string) bool {
	ip, ok := listenable(address)
	return ok && ip.IsLoopback()
}

// listenable reports whether an address is an IP, or localhost, with a port.
func listenable(address string) (net.IP, bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, false
	}
	if host == "localhost" {
		return net.IPv4(127, 0, 0, 1), true
	}
	ip := net.ParseIP(host)
	return ip, ip != nil
}

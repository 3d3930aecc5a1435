package config_test

import "testing"

func TestParse_TakesHealthWhereverItMayBeAskedFor(t *testing.T) {
	for _, row := range []struct{ name, section, listen string }{
		{"off by default", "", ""},
		{"this machine", "health: {listen: \"127.0.0.1:8082\"}\n", "127.0.0.1:8082"},
		{"every interface", "health: {listen: \"0.0.0.0:8082\"}\n", "0.0.0.0:8082"},
		{"IPv6", "health: {listen: \"[::1]:8082\"}\n", "[::1]:8082"},
		{"beside the broker and callbacks", "nats: {listen: \"127.0.0.1:4222\"}\ncallbacks: {listen: \"127.0.0.1:8090\"}\nhealth: {listen: \"127.0.0.1:8082\"}\n", "127.0.0.1:8082"},
		{"on another address, with the port of callbacks", "callbacks: {listen: \"192.0.2.1:8090\"}\nhealth: {listen: \"127.0.0.1:8090\"}\n", "127.0.0.1:8090"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.section+account).Health.Listen; got != row.listen {
				t.Errorf("listens on %q, want %q", got, row.listen)
			}
		})
	}
}

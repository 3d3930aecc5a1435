package config_test

import "testing"

func TestParse_TakesCallbacksWhereAProxyCanReachThem(t *testing.T) {
	for _, row := range []struct{ name, section, listen string }{
		{"off by default", "", ""},
		{"this machine", "callbacks: {listen: \"127.0.0.1:8090\"}\n", "127.0.0.1:8090"},
		{"by name", "callbacks: {listen: \"localhost:8090\"}\n", "localhost:8090"},
		{"every interface", "callbacks: {listen: \"0.0.0.0:8090\", unverified_rate: 500}\n", "0.0.0.0:8090"},
		{"IPv6", "callbacks: {listen: \"[::1]:8090\"}\n", "[::1]:8090"},
		{"beside the broker", "nats: {listen: \"127.0.0.1:4222\"}\ncallbacks: {listen: \"127.0.0.1:8090\"}\n", "127.0.0.1:8090"},
		{"on another address, with its port", "nats: {listen: \"127.0.0.1:8090\"}\ncallbacks: {listen: \"192.0.2.1:8090\"}\n", "192.0.2.1:8090"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.section+account).Callbacks.Listen; got != row.listen {
				t.Errorf("listens on %q, want %q", got, row.listen)
			}
		})
	}
}

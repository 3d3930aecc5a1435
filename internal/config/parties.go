package config

import (
	"net/netip"
	"time"

	"reconciler/internal/secret"
)

// Account is one account of a provider.
type Account struct {
	// Name is what created events call "provider".
	Name string `yaml:"name"`
	// Provider is one of the registered providers.
	Provider string `yaml:"provider"`
	// Settings are the provider's own.
	Settings node `yaml:"settings"`
	// Cadence replaces phases of the watch's cadence for this account.
	Cadence Cadence `yaml:"cadence"`
	// MinInterval is the least time between two looks at one payment; default
	// the provider's own floor. Below that the provider refuses.
	MinInterval time.Duration `yaml:"min_interval"`
	Limits      Limits        `yaml:"limits"`
	Breaker     Breaker       `yaml:"breaker"`
}

// Limits bound the calls to one account.
type Limits struct {
	// Rate is calls per second, 0 (default): no limit.
	Rate float64 `yaml:"rate"`
	// Burst is how many may begin at once; default as many as Rate, at least 1.
	// It needs a rate.
	Burst int `yaml:"burst"`
	// Concurrency is how many calls may be under way; default 16.
	Concurrency int `yaml:"concurrency"`
	// TimeLimit is for one call; default 10s.
	TimeLimit time.Duration `yaml:"time_limit"`
}

// Breaker says when an account's tap closes, and for how long. Nil: left out;
// 0 turns a rule off.
type Breaker struct {
	// Consecutive failures open it; default 5.
	Consecutive *int `yaml:"consecutive"`
	// Ratio of failures among at least MinRequests within Window opens it;
	// defaults 0.5, 20, 1m.
	Ratio       *float64      `yaml:"ratio"`
	MinRequests int           `yaml:"min_requests"`
	Window      time.Duration `yaml:"window"`
	// ReopenFirst doubles after each failed probe up to ReopenLongest; defaults 5s, 10m.
	ReopenFirst   time.Duration `yaml:"reopen_first"`
	ReopenLongest time.Duration `yaml:"reopen_longest"`
	// Ramp is how long the rate takes to full strength after closing; default 5m.
	Ramp *time.Duration `yaml:"ramp"`
}

// Webhooks says how webhooks are sent.
type Webhooks struct {
	// Schedule is the delays before attempt 1, 2 ...; default ten attempts in 75 h 35 min.
	Schedule []time.Duration `yaml:"schedule"`
	// TimeLimit is for one whole attempt; default 15s.
	TimeLimit time.Duration `yaml:"time_limit"`
	// ConnectLimit is for the name and the TCP connection; default 5s, or TimeLimit
	// where that is shorter. TLSLimit is for the TLS handshake; default as long.
	// HeaderLimit is from the end of the request to the end of the answer's header;
	// default what is left of TimeLimit. Together they fit into TimeLimit.
	ConnectLimit time.Duration `yaml:"connect_limit"`
	TLSLimit     time.Duration `yaml:"tls_limit"`
	HeaderLimit  time.Duration `yaml:"header_limit"`
	// AllowNetworks opens address ranges that are not public, as CIDR; default
	// none. A range opened here can be reached by every merchant's URL.
	AllowNetworks []netip.Prefix `yaml:"allow_networks"`
	// AllowPorts limits the ports; default any.
	AllowPorts []int `yaml:"allow_ports"`
	// AllowHTTP permits http:// endpoints; default false. Never in production.
	AllowHTTP bool `yaml:"allow_http"`
	// Proxy is a forward proxy that webhooks go through; default none.
	Proxy Proxy `yaml:"proxy"`
	// DisableAfter is how long nothing but failures disables an endpoint; default 5d.
	DisableAfter time.Duration `yaml:"disable_after"`
	Store        Store         `yaml:"store"`
}

// Proxy is a forward proxy (HTTP CONNECT).
type Proxy struct {
	// URL is http or https with a host and a port, nothing else.
	URL string `yaml:"url"`
	// User and Password are for Basic authentication; default none.
	User     string      `yaml:"user"`
	Password secret.Text `yaml:"password"`
}

// Store says how endpoints made at run time are kept.
type Store struct {
	// Keys seal their secrets: the first one seals, all of them open. None
	// (default): no endpoint can be made at run time, and none that was is used.
	Keys []StoreKey `yaml:"keys"`
}

// StoreKey is a sealing key.
type StoreKey struct {
	// ID names the key in what it sealed.
	ID string `yaml:"id"`
	// Value is the base64 of 32 random bytes. Lost, and every merchant needs a new
	// secret.
	Value secret.Text `yaml:"value"`
}

// Callbacks says where providers' callbacks are taken.
type Callbacks struct {
	// Listen is the address, an IP and a port, without TLS; empty (default): none
	// are taken.
	Listen string `yaml:"listen"`
	// UnverifiedRate is how many a second are taken for each account that nobody
	// signed; default 50.
	UnverifiedRate int `yaml:"unverified_rate"`
}

// Endpoint is one merchant's webhook.
type Endpoint struct {
	// Merchant is the merchant_id of created events.
	Merchant string `yaml:"merchant"`
	// ID is unique per merchant.
	ID  string `yaml:"id"`
	URL string `yaml:"url"`
	// Events filters by type: payment.* or payment.succeeded ...; default all.
	Events []string `yaml:"events"`
	// Secrets sign; the newest first, several while one is replaced.
	Secrets []secret.Text `yaml:"secrets"`
	// Headers are the merchant's own, sent with each webhook; default none.
	Headers []Header `yaml:"headers"`
	// Format is full (default) or thin: ids, version and status only.
	Format string `yaml:"format"`
	// Schedule replaces Webhooks.Schedule for this endpoint.
	Schedule []time.Duration `yaml:"schedule"`
	// CertificateFile and KeyFile, together, are shown to a receiver that asks who
	// calls (mTLS); default none. CAFile has authorities that its own certificate may
	// be of; default the public ones only. All of them are in PEM, and read at start.
	CertificateFile string `yaml:"certificate_file"`
	KeyFile         string `yaml:"key_file"`
	CAFile          string `yaml:"ca_file"`
	// Concurrency is how many webhooks may be under way; default 16.
	Concurrency int `yaml:"concurrency"`
	// Rate is webhooks per second, 0 (default): no limit.
	Rate     float64 `yaml:"rate"`
	Disabled bool    `yaml:"disabled"`
}

// Header is a header of a merchant's own.
type Header struct {
	Name string `yaml:"name"`
	// Value may be a credential, so it is named like every secret.
	Value secret.Text `yaml:"value"`
}

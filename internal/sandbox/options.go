package sandbox

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
)

// Faults is how much goes wrong.
type Faults = fault.Level

// The levels of faults.
const (
	FaultsNone = fault.None
	FaultsSome = fault.Some
	FaultsMany = fault.Many
	// FaultsHostile: as FaultsSome, but what is wrong is what providers answer.
	FaultsHostile = fault.Hostile
)

// ParseFaults reads "none", "some", "many" or "hostile".
func ParseFaults(name string) (Faults, error) { return fault.Parse(name) }

// The simulated providers' names.
const (
	Finipay  = life.Finipay
	Halyk    = life.Halyk
	Uapay    = life.Uapay
	Ecommpay = life.Ecommpay
)

// The two other peers: the shop that receives webhooks, and the control API.
const (
	MerchantPeer = "merchant"
	ControlPeer  = "control"
)

// Providers lists the simulated providers.
func Providers() []string { return life.Providers() }

// Peers lists every server of a sandbox.
func Peers() []string { return append(life.Providers(), MerchantPeer, ControlPeer) }

// DefaultHookSecret signs the hook "shop" where MerchantOptions name none. It
// is printed in documents for trying things by hand, and worth nothing anywhere else.
const DefaultHookSecret = "whsec_c2FuZGJveC1zZWNyZXQtZm9yLXRoZS1zaG9wLWhvb2s="

// Options say what kind of world to start. The zero value is a calm one on
// free loopback ports.
type Options struct {
	// Seed fixes payments and faults.
	Seed uint64
	// Faults is how much goes wrong.
	Faults Faults
	// Step is the length of one stage of a life and the unit of slow answers,
	// hangs (two steps) and outages (two steps). 0: 1.5 s. About 10 s is
	// comfortable by hand.
	Step time.Duration
	// Troubles happen beside the faults of the level; Sandbox.Trouble adds more later.
	Troubles []Trouble
	// Floor is the least time between two accepted asks for one payment.
	// finipay answers 429 below it, all others answer; the ledger marks either.
	// Requests refused for other reasons (a token, a session) do not count.
	// 0: no floor.
	Floor time.Duration
	// Floors are those of providers that have another one than Floor, by name.
	Floors map[string]time.Duration
	// Listen opens a listener; nil: TCP. A test gives one in memory.
	Listen func(ctx context.Context, address string) (net.Listener, error)
	// Addresses are host:port by peer (see Peers), on loopback only. A peer that
	// is not named gets 127.0.0.1:0, a free port.
	Addresses map[string]string
	// Merchant says which hooks exist.
	Merchant MerchantOptions
}

// MerchantOptions say which hooks the merchant has.
type MerchantOptions struct {
	// Secrets are signing secrets by hook name, each "whsec_" and the base64
	// form of 24 to 64 bytes. Empty: one hook "shop" with DefaultHookSecret.
	Secrets map[string]string
}

// withDefaults fills in what is left open.
func (o Options) withDefaults() Options {
	if o.Step == 0 {
		o.Step = 1500 * time.Millisecond
	}
	if o.Listen == nil {
		o.Listen = func(ctx context.Context, address string) (net.Listener, error) {
			var config net.ListenConfig
			return config.Listen(ctx, "tcp", address)
		}
	}
	if len(o.Merchant.Secrets) == 0 {
		o.Merchant.Secrets = map[string]string{"shop": DefaultHookSecret}
	}
	addresses := map[string]string{}
	for _, peer := range Peers() {
		addresses[peer] = "127.0.0.1:0"
	}
	for peer, address := range o.Addresses {
		addresses[peer] = address
	}
	o.Addresses = addresses
	return o
}

// floor is the least time between two asks for one payment at a provider.
func (o Options) floor(provider string) time.Duration {
	if floor, ok := o.Floors[provider]; ok {
		return floor
	}
	return o.Floor
}

// check refuses options that can't work; the error names the option.
func (o Options) check() error {
	switch {
	case o.Step < 0:
		return fmt.Errorf("sandbox: Step is negative")
	case o.Floor < 0:
		return fmt.Errorf("sandbox: Floor is negative")
	case o.Faults < FaultsNone || o.Faults > FaultsHostile:
		return fmt.Errorf("sandbox: Faults is not one of the levels")
	}
	known := map[string]bool{}
	for _, peer := range Peers() {
		known[peer] = true
	}
	for provider, floor := range o.Floors {
		if floor < 0 || !slices.Contains(Providers(), provider) {
			return fmt.Errorf("sandbox: Floors has %s for %q: wanted a provider, and no negative time", floor, provider)
		}
	}
	for peer, address := range o.Addresses {
		if !known[peer] {
			return fmt.Errorf("sandbox: Addresses names %q, which is no peer", peer)
		}
		if err := onLoopback(address); err != nil {
			return fmt.Errorf("sandbox: the address of %s %w", peer, err)
		}
	}
	return nil
}

// onLoopback refuses every other address: the sandbox has no authentication of
// its own worth the name, and its control API none at all.
func onLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("must be host:port")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("must be on loopback (127.0.0.1, ::1 or localhost)")
	}
	return nil
}

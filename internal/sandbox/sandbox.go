package sandbox

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/sandbox/desk"
	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/merchant"
	"reconciler/internal/sandbox/wire"
)

// Sandbox is a running world.
type Sandbox struct {
	options Options
	book    *life.Book
	plan    *fault.Plan
	asks    *desk.Ledger
	shop    *merchant.Merchant
	servers *servers
	urls    map[string]string
	made    atomic.Int64
	// byID has the payments by the number they have at the merchant.
	byID sync.Map
	// callers are the simulators, by name, of providers that send callbacks.
	callers map[string]desk.Caller
	desks   map[string]*desk.Desk
}

// Start opens all servers, or none and an error that names what failed. ctx
// bounds the start only; the sandbox runs until Stop.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Sandbox{
		options: o, book: life.NewBook(), asks: &desk.Ledger{}, urls: map[string]string{}, callers: map[string]desk.Caller{}, desks: map[string]*desk.Desk{},
		plan: fault.New(o.Seed, o.Faults, time.Now(), o.Step), servers: newServers(ctx),
	}
	shop, err := merchant.New(merchant.Options{Secrets: o.Merchant.Secrets, Plan: s.plan, Step: o.Step})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	s.shop = shop
	for _, t := range o.Troubles {
		if err := s.Trouble(t); err != nil {
			return nil, err
		}
	}
	listeners := map[string]net.Listener{}
	for _, peer := range Peers() {
		if listeners[peer], err = s.listen(ctx, peer); err != nil {
			for _, l := range listeners {
				if l != nil {
					_ = l.Close()
				}
			}
			return nil, err
		}
	}
	// Only now: handlers read the addresses of all.
	for _, peer := range Peers() {
		s.serve(listeners[peer], peer)
	}
	return s, nil
}

func (s *Sandbox) listen(ctx context.Context, peer string) (net.Listener, error) {
	l, err := s.options.Listen(ctx, s.options.Addresses[peer])
	if err != nil {
		return nil, fmt.Errorf("sandbox: listen for %s: %w", peer, err)
	}
	s.urls[peer] = "http://" + l.Addr().String()
	return l, nil
}

// serve starts one peer's server.
func (s *Sandbox) serve(l net.Listener, peer string) {
	h := s.handler(peer)
	if guarded, ok := h.(interface {
		Gate(net.Listener) net.Listener
	}); ok {
		l = guarded.Gate(l)
	}
	s.servers.serve(l, h)
}

func (s *Sandbox) handler(peer string) http.Handler {
	simulators := map[string]func() desk.Simulator{
		Finipay:  func() desk.Simulator { return s.newFinipay() },
		Halyk:    func() desk.Simulator { return s.newHalyk() },
		Uapay:    func() desk.Simulator { return s.newUapay() },
		Ecommpay: func() desk.Simulator { return s.newEcommpay() },
	}
	switch peer {
	case MerchantPeer:
		return s.shop
	case ControlPeer:
		return s.control()
	}
	simulator := simulators[peer]()
	if caller, ok := simulator.(desk.Caller); ok {
		s.callers[peer] = caller
	}
	s.desks[peer] = desk.New(desk.Options{
		Provider: peer, Simulator: simulator, Plan: s.plan, Ledger: s.asks,
		Floor: s.options.floor(peer), Step: s.options.Step, Elsewhere: s.urls[MerchantPeer] + merchant.RedirectPath,
	})
	return s.desks[peer]
}

// Unheard tells a provider or the merchant that the answer it gives at this moment is
// lost on the way: nobody was told to wait by it. Where time is virtual a moment is
// exact.
func (s *Sandbox) Unheard(peer string) {
	if peer == MerchantPeer {
		s.shop.Unheard()
		return
	}
	s.desks[peer].Unheard()
}

// Stop ends every request in hand and every goroutine. It may be called more
// than once. The error says that ctx ended first. Ledgers can still be read.
func (s *Sandbox) Stop(ctx context.Context) error { return s.servers.stop(ctx) }

// Ask is one request that reached a simulated provider.
type Ask = desk.Ask

// Receipt is one delivery that reached the merchant.
type Receipt = merchant.Receipt

// Asked is the providers' ledger, in order of arrival.
func (s *Sandbox) Asked() []Ask { return s.asks.Asks() }

// AskedSince gives the providers' ledger from the n-th ask on (the first is 0)
// without copying those before. An ask that was in hand is to be read again: its
// entry is complete once Answered is set.
func (s *Sandbox) AskedSince(n int) []Ask { return s.asks.Since(n) }

// Received is the merchant's ledger, in order of arrival.
func (s *Sandbox) Received() []Receipt { return s.shop.Receipts() }

// ReceivedSince gives the merchant's ledger from the n-th receipt on (the first is 0)
// without copying those before. One in hand may still change: what was answered is
// filled in as the answer leaves.
func (s *Sandbox) ReceivedSince(n int) []Receipt { return s.shop.Since(n) }

// Tally is what the ledgers count to.
type Tally struct {
	// Polls are the asks that were not for a token or session.
	Polls int
	// Delivered are the webhooks that arrived with a valid signature and were
	// answered with 2xx, each once however often it came.
	Delivered int
	// RefusedConnections are those that the merchant closed before a byte was read:
	// they are no receipts.
	RefusedConnections int
}

// Tally counts the ledgers; unlike Asked and Received it copies nothing, so it
// may be asked often.
func (s *Sandbox) Tally() Tally {
	return Tally{Polls: s.asks.Polls(), Delivered: s.shop.Delivered(), RefusedConnections: s.shop.Refused()}
}

// PersonalMarkers lists every value of personal data that the providers'
// answers hold. Finding one anywhere else proves a leak.
func PersonalMarkers() []string { return wire.Markers() }

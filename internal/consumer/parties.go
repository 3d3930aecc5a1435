package consumer

import (
	"context"
	"fmt"
	"sync"

	"reconciler/internal/guard"
	"reconciler/internal/notify"
	"reconciler/internal/notify/webhook"
)

// Endpoints is who is to be told, as it is now. Its methods are called
// concurrently; For and Find answer at once, from memory.
type Endpoints interface {
	// For gives a merchant's endpoints, disabled ones too.
	For(merchant string) []notify.Endpoint
	// Find gives one endpoint.
	Find(merchant, id string) (notify.Endpoint, bool)
	// Report tells what followed from an attempt at an endpoint, so that one that is
	// gone, or only fails, may be switched off: Find shows it as disabled from then on.
	Report(ctx context.Context, merchant, id string, action notify.Action)
}

// endpointKey names an endpoint: ids are unique per merchant.
type endpointKey struct{ merchant, id string }

// party is what this process has of one endpoint: its tap and its connections,
// so that no endpoint uses up what another needs.
type party struct {
	guard *guard.Guard
	pool  *webhook.Pool
	// made is the endpoint as it was when both were made.
	made notify.Endpoint
}

// fits reports whether the party still is that of the endpoint.
func (p *party) fits(e notify.Endpoint) bool {
	return p.made.URL == e.URL && p.made.Rate == e.Rate && p.made.PoolOptions().Equal(e.PoolOptions())
}

// parties makes each endpoint's party when it is needed first, and anew when the
// endpoint's address, limits or certificates have changed. Attempts under way end
// with what they began with.
type parties struct {
	guards func(notify.Endpoint) (*guard.Guard, error)
	sender *webhook.Sender

	mu  sync.Mutex
	all map[endpointKey]*party
}

func newParties(guards func(notify.Endpoint) (*guard.Guard, error), sender *webhook.Sender) *parties {
	return &parties{guards: guards, sender: sender, all: map[endpointKey]*party{}}
}

func (p *parties) of(e notify.Endpoint) (*party, error) {
	key := endpointKey{e.Merchant, e.ID}
	p.mu.Lock()
	known := p.all[key]
	p.mu.Unlock()
	if known != nil && known.fits(e) {
		return known, nil
	}
	made, err := p.prepare(e)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	out, use := p.all[key], made
	if out != nil && out.fits(e) { // somebody was quicker
		out, use = made, out
	}
	p.all[key] = use
	p.mu.Unlock()
	if out != nil {
		out.pool.Close()
	}
	return use, nil
}

// prepare makes a party. It may read the system's authorities and closing one says
// goodbye on the network, so neither is done with mu held.
func (p *parties) prepare(e notify.Endpoint) (*party, error) {
	g, err := p.guards(e)
	if err != nil {
		return nil, fmt.Errorf("protect endpoint %s: %w", e.ID, err)
	}
	pool, err := p.sender.Pool(e.PoolOptions())
	if err != nil {
		return nil, fmt.Errorf("prepare the connections of endpoint %s: %w", e.ID, err)
	}
	return &party{guard: g, pool: pool, made: e}, nil
}

// close lets go of the connections that nobody uses.
func (p *parties) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, known := range p.all {
		known.pool.Close()
	}
}

package simulation

import (
	"context"
	"errors"
	"time"

	"reconciler/internal/history/peers"
	"reconciler/internal/pause"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// standsFor is how long a handler stands still: many times the ack wait, so that its
// message is given to another one meanwhile.
const standsFor = 5 * time.Minute

// standing is an adapter whose process may stand still between the provider's answer
// and what is made of it.
type standing struct {
	providers.Provider
	of *process
}

// standing lets an adapter of the process stand still at times.
func (p *process) standing(adapter providers.Provider) providers.Provider {
	s := standing{adapter, p}
	if reader, ok := adapter.(providers.CallbackReader); ok {
		return standingReader{s, reader}
	}
	return s
}

// standingReader is standing where callbacks can be read.
type standingReader struct {
	standing
	providers.CallbackReader
}

// Poll is the adapter's, but may return after its time limit, as it does where the
// process was stopped.
func (s standing) Poll(ctx context.Context, q providers.Query) (payment.Observation, error) {
	o, err := s.Provider.Poll(ctx, q)
	// Where a process stands still its other looks do, too; here they go on, and could
	// not know what this one was told.
	var failure *providers.Error
	toldToWait := errors.As(err, &failure) && failure.RetryAfter > 0
	if !toldToWait && s.of.disturb.hits(lookStands) {
		pause.For(s.of.over, standsFor)
	}
	return o, err
}

// byID finds a payment that was announced.
func (w *world) byID(id string) (peers.Payment, bool) {
	for _, p := range w.announced {
		if p.ID == id {
			return p, true
		}
	}
	return peers.Payment{}, false
}

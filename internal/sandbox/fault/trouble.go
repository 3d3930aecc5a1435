package fault

import (
	"fmt"
	"slices"
	"time"

	"reconciler/internal/sandbox/dice"
)

// Trouble is a span of time in which every ask at a provider meets the same
// thing, whatever the level. It is made by who tries something out, not by chance.
type Trouble struct {
	Provider string
	// Kind is one of TroubleKinds.
	Kind Kind
	// From is its first instant, zero: from the beginning. Until is the first
	// instant after it.
	From, Until time.Time
}

// TroubleKinds lists what a Trouble can be.
func TroubleKinds() []Kind {
	return append(append([]Kind{Anything}, outageKinds...), hostileKinds...)
}

// covers reports whether a provider is in this trouble at an instant.
func (t Trouble) covers(provider string, now time.Time) bool {
	return t.Provider == provider && !now.Before(t.From) && now.Before(t.Until)
}

// Add makes a provider be in trouble. It may be called while asks are under way,
// and counts for those that arrive after it. Of troubles at the same time the
// latest added wins. The error says what can't be.
func (p *Plan) Add(t Trouble) error {
	switch {
	case !slices.Contains(TroubleKinds(), t.Kind):
		return fmt.Errorf("the kind of a trouble must be one of %q", TroubleKinds())
	case t.Until.IsZero() || !t.Until.After(t.From):
		return fmt.Errorf("the end of a trouble must come after its beginning")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles = append(p.troubles, t)
	return nil
}

// added is the latest trouble added for this provider and instant.
func (p *Plan) added(provider string, now time.Time) (Trouble, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range slices.Backward(p.troubles) {
		if t.covers(provider, now) {
			return t, true
		}
	}
	return Trouble{}, false
}

// Outage is the outage that an ask meets; its kind is OK where there is none.
func (p *Plan) Outage(provider string, now time.Time) Trouble {
	if t, ok := p.added(provider, now); ok {
		if !slices.Contains(outageKinds, t.Kind) {
			return Trouble{}
		}
		return t
	}
	for _, t := range p.Outages(provider) {
		if t.covers(provider, now) {
			return t
		}
	}
	return Trouble{}
}

// Meets says what an ask for a payment (or for a provider's token) meets that no
// outage befell: a hostile answer while the provider is in that trouble, which
// spares tokens and sessions, or what the level has for it.
func (p *Plan) Meets(provider, key string, credential bool, now time.Time) Kind {
	t, ok := p.added(provider, now)
	switch {
	case !ok:
		return p.Ask(provider, key)
	case credential:
		return OK
	case t.Kind != Anything:
		return t.Kind
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hostile++
	// In turn, from a place of the seed's: all of them come, whoever asks.
	first := dice.Roll(len(hostileKinds), p.seed, "hostile", provider)
	return hostileKinds[(first+p.hostile)%len(hostileKinds)]
}

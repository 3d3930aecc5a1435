package fault

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// AllHooks in Trouble.Hook means every hook of the merchant.
const AllHooks = "*"

// Trouble is a span of time in which every ask at a provider, or every delivery
// to a hook, meets the same thing, whatever the level. It is made by who tries
// something out, not by chance.
type Trouble struct {
	// Provider or Hook says whose trouble it is; the other is empty.
	Provider, Hook string
	// Kind is one of TroubleKinds for a provider, of HookTroubleKinds for a hook.
	Kind Kind
	// From is its first instant, zero: from the beginning. Until is the first
	// instant after it. Gone alone may go without Until: it is for good.
	From, Until time.Time
	// Late is how long Slow and SlowBody take; 0: half a step. Throttle: how long its
	// answer takes. SlowReading: how long each read of at most 256 bytes takes.
	Late time.Duration
	// RetryAfter is the header of that name, in whole seconds, with Throttle and
	// all kinds of HTTP 503. 0: one second for Throttle and Unavailable503, no header
	// for the others. AsDate writes it as an HTTP date.
	RetryAfter time.Duration
	AsDate     bool
	// Every is how long after a revocation of tokens the next one comes; 0: there
	// is one, at From.
	Every time.Duration
	// Clock is how far the clock of a provider is ahead with ClockStepped; below
	// 0: behind.
	Clock time.Duration
	// Looks is how many answers about each payment Regression and Contradiction
	// are; 0: all of them.
	Looks int
}

// TroubleKinds lists what a Trouble of a provider can be.
func TroubleKinds() []Kind {
	return slices.Concat([]Kind{Anything}, outageKinds, hostileKinds, answerKinds, tellingKinds, refusalKinds, stateKinds)
}

// covers reports whether the trouble is on at an instant.
func (t Trouble) covers(now time.Time) bool {
	return !now.Before(t.From) && (t.Until.IsZero() || now.Before(t.Until))
}

// Add makes a provider or hook be in trouble. It may be called while asks are under
// way, and counts for those that arrive after it. Of troubles at the same time the
// latest added wins; ClockStepped and TokensRevoked, which are about the provider
// and not about an answer, hold beside any other. The error says what can't be.
func (p *Plan) Add(t Trouble) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.Kind == TokensRevoked && t.From.IsZero() {
		t.From = p.started
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles = append(p.troubles, t)
	return nil
}

// RetryAfterText writes the header of that name, by the given clock.
func (t Trouble) RetryAfterText(now time.Time) string {
	if t.AsDate {
		return now.Add(t.RetryAfter).UTC().Format(http.TimeFormat)
	}
	return strconv.FormatInt(int64(t.RetryAfter/time.Second), 10)
}

// check refuses what can't happen.
func (t Trouble) check() error {
	kinds := TroubleKinds()
	if t.Hook != "" {
		kinds = HookTroubleKinds()
	}
	switch forGood := t.Kind == Gone && t.Until.IsZero(); {
	case (t.Provider == "") == (t.Hook == ""):
		return errors.New("a trouble is either a provider's or a hook's")
	case !slices.Contains(kinds, t.Kind):
		return fmt.Errorf("the kind of a trouble must be one of %q", kinds)
	case !forGood && !t.Until.After(t.From):
		return errors.New("the end of a trouble must come after its beginning")
	case t.Late < 0 || t.Every < 0 || t.Looks < 0:
		return errors.New("no length, interval or count of a trouble may be negative")
	case t.RetryAfter < 0 || t.RetryAfter%time.Second != 0:
		return errors.New("the Retry-After of a trouble must be whole seconds")
	case t.Kind == ClockStepped && t.Clock == 0:
		return errors.New("the clock of a trouble must be off by something")
	case t.Hook != AllHooks && (t.Kind == SlowReading || t.Kind == OutageRefused) && t.Provider == "":
		return fmt.Errorf("%s happens to a connection, which is not yet any hook's: it must be for all hooks", t.Kind)
	}
	return nil
}

// latest is the trouble added last of those that fit and are on.
func (p *Plan) latest(now time.Time, fits func(Trouble) bool) (Trouble, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range slices.Backward(p.troubles) {
		if t.covers(now) && fits(t) {
			return t, true
		}
	}
	return Trouble{}, false
}

// added is the latest trouble for this provider's answers at an instant.
func (p *Plan) added(provider string, now time.Time) (Trouble, bool) {
	return p.latest(now, func(t Trouble) bool { return t.Provider == provider && !slices.Contains(stateKinds, t.Kind) })
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
		if t.covers(now) {
			return t
		}
	}
	return Trouble{}
}

// Meets says what an ask for a payment (or for a provider's token) meets that no
// outage befell: what the trouble is that the provider is in, else what the level
// has for it. Hostile answers spare tokens and sessions, so that the lies are about
// payments. What a trouble changes in the words of an answer is in Mood.
func (p *Plan) Meets(provider, key string, credential bool, now time.Time) Trouble {
	t, ok := p.added(provider, now)
	switch {
	case !ok:
		return Trouble{Kind: p.Ask(provider, key)}
	case slices.Contains(answerKinds, t.Kind):
		return t
	case credential:
		return Trouble{}
	case t.Kind == Anything:
		t.Kind = p.nextHostile(provider)
		return t
	case t.Kind.Hostile():
		return t
	}
	return Trouble{}
}

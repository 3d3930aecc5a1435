package fault

import (
	"slices"
	"time"
)

// Kinds of trouble that leave an answer whole and in time, and change what it says.
const (
	// Flapping: answers alternate between the word before the present one and
	// the present one, payment by payment.
	Flapping Kind = "flapping"
	// Regression: a payment that was charged is told as open, as it was before.
	Regression Kind = "regression"
	// Contradiction: a payment that was charged is told as declined.
	Contradiction Kind = "contradiction"
	// Forgets: a payment that the provider knew when the trouble began is told as
	// not found.
	Forgets Kind = "forgets"
)

// Kinds of trouble in which the money or the word of an answer is wrong, whole and
// in time all the same.
const (
	// OtherAmount: a payment that was charged is told as charged with another amount,
	// less or more.
	OtherAmount Kind = "other_amount"
	// OtherCurrency: a payment that was charged is told as charged with the same
	// number in another currency.
	OtherCurrency Kind = "other_currency"
	// OverRefund: a payment that was charged is told as refunded in part, with more
	// given back than was taken.
	OverRefund Kind = "over_refund"
	// RefundShrinks: of a part refund less is told after the first look: the most
	// that has one digit less, such as 9.99 after 12.34.
	RefundShrinks Kind = "refund_shrinks"
	// StrangeWord: the status is told in a word that no document knows.
	StrangeWord Kind = "strange_word"
)

// Kinds of trouble in which a provider lets nobody in, in its own words.
const (
	// LoginRefused: the account's login, secret or key is told to be wrong.
	LoginRefused Kind = "login_refused"
	// AccountRefused: the terminal, client or project is told to be another's or
	// not to exist.
	AccountRefused Kind = "account_refused"
)

// Kinds of trouble that are about the provider, whatever else its answers meet.
const (
	// TokensRevoked: every token and session issued before From is refused from
	// then on, also after Until; with Every again and again.
	TokensRevoked Kind = "tokens_revoked"
	// ClockStepped: the times in answers (fields, Date, a Retry-After as date) are
	// off. Requests are judged by the right time all the same.
	ClockStepped Kind = "clock_stepped"
)

var (
	// answerKinds stand in the place of the right answer, for tokens too.
	answerKinds  = []Kind{Slow, Error500, Error503, Throttle, Busy, Garbage, Cut}
	tellingKinds = []Kind{
		Flapping, Regression, Contradiction, Forgets, OtherAmount, OtherCurrency, OverRefund, RefundShrinks, StrangeWord,
	}
	refusalKinds = []Kind{LoginRefused, AccountRefused}
	stateKinds   = []Kind{TokensRevoked, ClockStepped}
)

// Mood is what troubles change in how a provider answers.
type Mood struct {
	// Tells is the trouble that changes the words told, Refuses the one that lets
	// nobody in; their kind is OK where there is none.
	Tells, Refuses Trouble
	// Revoked is the last revocation: tokens issued before it are refused.
	Revoked time.Time
	// Clock is how far the provider's clock is ahead.
	Clock time.Duration
}

// Mood says how a provider is at an instant.
func (p *Plan) Mood(provider string, now time.Time) Mood {
	m := Mood{Revoked: p.revoked(provider, now)}
	if t, ok := p.added(provider, now); ok && slices.Contains(tellingKinds, t.Kind) {
		m.Tells = t
	} else if ok && slices.Contains(refusalKinds, t.Kind) {
		m.Refuses = t
	}
	stepped, _ := p.latest(now, func(t Trouble) bool { return t.Provider == provider && t.Kind == ClockStepped })
	m.Clock = stepped.Clock
	return m
}

// revoked is the last revocation of the provider's tokens up to now.
func (p *Plan) revoked(provider string, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var last time.Time
	for _, t := range p.troubles {
		if t.Provider != provider || t.Kind != TokensRevoked || now.Before(t.From) {
			continue
		}
		at := t.From
		if end := min(now.Sub(t.From), t.Until.Sub(t.From)-1); t.Every > 0 {
			at = t.From.Add(end / t.Every * t.Every)
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

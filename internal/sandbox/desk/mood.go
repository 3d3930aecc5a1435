package desk

import (
	"time"

	"reconciler/internal/sandbox/fault"
	"reconciler/internal/sandbox/life"
	"reconciler/internal/sandbox/wire"
)

// mood is how the provider is while it answers one request, and what came of it.
type mood struct {
	fault.Mood
	desk *Desk
	// shown are the payments whose words the trouble has a say in, and whether what
	// is shown differs from the truth.
	shown map[string]bool
	// refused is the trouble for which the request was refused.
	refused fault.Kind
}

// lie names a trouble that is told of one payment.
type lie struct {
	kind    fault.Kind
	from    time.Time
	payment string
}

func (d *Desk) mood(at time.Time) *mood {
	return &mood{Mood: d.Plan.Mood(d.Provider, at), desk: d, shown: map[string]bool{}}
}

// State is what the provider tells of a payment now: the truth, unless it is in a
// trouble that changes it. Times in it are by the provider's clock.
func (r Request) State(p *life.Payment) life.State {
	state := p.At(r.At)
	if m := r.mood; m != nil && m.Tells.Kind != fault.OK {
		state = m.show(p, state)
	}
	state.Since, state.Clock = state.Since.Add(r.Clock), r.Clock
	return state
}

// Expelled reports whether a token or session of that age was revoked. Whoever asks
// refuses it then.
func (r Request) Expelled(issued time.Time) bool {
	return r.mood != nil && r.mood.refuses(issued.Before(r.mood.Revoked), fault.TokensRevoked)
}

// LoginRefused reports whether the right login, secret or key is taken for a wrong
// one. Whoever asks refuses it then.
func (r Request) LoginRefused() bool {
	return r.mood != nil && r.mood.refuses(r.mood.Refuses.Kind == fault.LoginRefused, fault.LoginRefused)
}

// AccountRefused reports whether the right terminal, client or project is taken for
// another's. Whoever asks refuses it then.
func (r Request) AccountRefused() bool {
	return r.mood != nil && r.mood.refuses(r.mood.Refuses.Kind == fault.AccountRefused, fault.AccountRefused)
}

func (m *mood) refuses(does bool, kind fault.Kind) bool {
	if does {
		m.refused = kind
	}
	return does
}

// show is the state that the trouble shows of a payment.
func (m *mood) show(p *life.Payment, truth life.State) life.State {
	state, has := m.instead(p, truth)
	if !has {
		return truth
	}
	m.shown[p.Key] = !state.Agrees(truth)
	return state
}

// instead is what the trouble makes of the truth; false: it has no say in it.
func (m *mood) instead(p *life.Payment, truth life.State) (life.State, bool) {
	looks := m.desk.looks(m.lie(p.Key))
	paid := truth.CapturedMinor > 0 && (m.Tells.Looks == 0 || looks < m.Tells.Looks)
	switch m.Tells.Kind {
	case fault.Flapping:
		if truth.Stage == 0 {
			return truth, false
		}
		if looks%2 == 0 {
			return p.Previous(truth), true
		}
		return truth, true
	case fault.Regression:
		if paid {
			return p.Reopened(truth), true
		}
	case fault.Contradiction:
		if paid && p.CanSay(life.Declined) {
			return life.State{Word: life.Declined, Before: truth.Word, Since: truth.Since, Stage: truth.Stage, Held: truth.Held}, true
		}
	case fault.Forgets:
		if !p.Created.After(m.Tells.From) || m.Tells.From.IsZero() {
			return life.State{Word: life.NotKnown, Since: truth.Since}, truth.Word != life.NotKnown
		}
	}
	return m.misstate(p, truth)
}

// misstate is what the trouble makes of the truth where it is about money, or the
// spelling of a word; false: it has no say in it.
func (m *mood) misstate(p *life.Payment, truth life.State) (life.State, bool) {
	state, charged := truth, truth.Word == life.Charged
	switch m.Tells.Kind {
	case fault.OtherAmount:
		state.Word, state.CapturedMinor = life.ChargedOtherAmount, p.OtherMinor()
		if p.Sometimes(2, "more") {
			state.CapturedMinor += p.AmountMinor
		}
		return state, charged && p.CanSay(life.ChargedOtherAmount)
	case fault.OtherCurrency:
		state.Currency = otherCurrency(p.Currency, p.Exponent)
		return state, charged && state.Currency != ""
	case fault.OverRefund:
		state.Word, state.Before, state.RefundedMinor = life.PartRefunded, life.Charged, p.AmountMinor+p.PartMinor()
		return state, charged && p.CanSay(life.PartRefunded)
	case fault.RefundShrinks:
		if m.desk.looks(m.lie(p.Key)) > 0 {
			state.RefundedMinor = fewerDigits(truth.RefundedMinor)
		}
		return state, truth.Word == life.PartRefunded
	case fault.StrangeWord:
		state.Strange = true
		return state, truth.Word != life.NotKnown
	}
	return truth, false
}

// otherCurrency is another one with as many decimal places, so that the same number
// stays the same; empty where the sandbox knows none.
func otherCurrency(than string, exponent int) string {
	for _, c := range []string{"USD", "EUR", "JPY", "KRW", "KWD", "BHD"} {
		if e, _ := wire.Exponent(c); c != than && e == exponent {
			return c
		}
	}
	return ""
}

// fewerDigits is the most that has one digit less; of one digit, one less.
func fewerDigits(minor int64) int64 {
	if minor < 10 {
		return max(minor-1, 0)
	}
	least := int64(1)
	for least <= minor/10 {
		least *= 10
	}
	return least - 1
}

func (m *mood) lie(payment string) lie { return lie{m.Tells.Kind, m.Tells.From, payment} }

// looks is in how many answers the trouble was told of the payment.
func (d *Desk) looks(of lie) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lied[of]
}

// lieTold counts what an answer that goes out shows, and names the trouble if what it
// tells differs from the truth. Halves that disagree tell nothing, and no lie; a list
// tells of payments that the answer does not name.
func (d *Desk) lieTold(m *mood, a Answer) fault.Kind {
	d.mu.Lock()
	defer d.mu.Unlock()
	kind := fault.OK
	if m.Clock != 0 && a.Told != "" {
		kind = fault.ClockStepped
	}
	for payment, differs := range m.shown {
		d.lied[m.lie(payment)]++
		if differs && (a.Told != "" || a.Payment == nil || m.Tells.Kind == fault.StrangeWord) {
			kind = m.Tells.Kind
		}
	}
	return kind
}

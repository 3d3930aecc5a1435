package life

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"reconciler/internal/sandbox/dice"
)

// Script says which payment is to live which life.
type Script struct {
	Provider string
	Life     Life
	// IDs are all the numbers the provider knows the payment by.
	IDs map[string]string
	// Reference is the part of them that the merchant is given.
	Reference map[string]string
	// Key is a stable name for ledgers, unique over all providers.
	Key string
	// AmountMinor is the amount in minor units, Exponent the currency's number
	// of decimal places (ISO 4217).
	AmountMinor int64
	Currency    string
	Exponent    int
	Created     time.Time
	// Expires moves the stage Expired of a life to this moment; zero: no wish.
	Expires time.Time
	// Step is the length of one step; Seed fixes every draw made for the payment.
	Step time.Duration
	Seed uint64
	// Stretch, if it is not empty, says how long stages last in the place of steps.
	Stretch Stretch
	// Words are those that can be told of this payment; nil: all that the provider has.
	Words []Word
}

// Payment is one simulated payment. It never changes.
type Payment struct {
	Script
	stages []placed
	part   int64
	other  int64
}

// placed is a stage with the moment it begins.
type placed struct {
	word Word
	from time.Time
}

// New makes a payment. The error says which wish of the script can't be met.
func New(s Script) (*Payment, error) {
	stages := s.Life.Stages(s.Provider)
	if stages == nil {
		return nil, fmt.Errorf("%s has no words for the life %q", s.Provider, s.Life.Name)
	}
	// Half a refund and a wrong smaller amount both need something to divide.
	if s.AmountMinor < 2 {
		return nil, fmt.Errorf("the amount is %d minor units, need at least 2", s.AmountMinor)
	}
	p := &Payment{Script: s}
	from, spans := s.Created, s.spans(stages)
	for i, stage := range stages {
		if stage.Word == Expired && s.Expires.After(from) {
			from = s.Expires
		}
		p.stages = append(p.stages, placed{word: stage.Word, from: from})
		from = from.Add(spans[i])
	}
	p.part = max(1, s.AmountMinor*dice.Between(1, 9, s.Seed, s.Key, "part")/10)
	p.other = max(1, s.AmountMinor*dice.Between(3, 9, s.Seed, s.Key, "other")/10)
	return p, nil
}

// State is what is true of a payment at one moment.
type State struct {
	Word Word
	// Before is the word of the stage before, empty in the first one.
	Before Word
	// Since is when the stage began, Stage its place in the life, from 0.
	Since time.Time
	Stage int
	// Held says whether an earlier stage held the money: a charge then is a
	// capture. Declined likewise: a charge then is a second try.
	Held, Declined bool
	// CapturedMinor and RefundedMinor are what was taken and given back so far.
	CapturedMinor, RefundedMinor int64
	// Currency is the one that the money is in; empty: the payment's own.
	Currency string
	// Strange: what is true is told in a word that no document knows.
	Strange bool
	// Ended: this stage is the last.
	Ended bool
	// Clock is how far the clock of who tells this is ahead. Since is by that clock.
	Clock time.Duration
}

// At says what is true at the moment now.
func (p *Payment) At(now time.Time) State {
	at := 0
	for i, s := range p.stages {
		if !now.Before(s.from) {
			at = i
		}
	}
	return p.stage(at)
}

// stage is what is true in one stage.
func (p *Payment) stage(at int) State {
	state := State{Word: p.stages[at].word, Since: p.stages[at].from, Stage: at, Ended: at == len(p.stages)-1}
	for i, s := range p.stages[:at] {
		state.Held = state.Held || s.word == Held
		state.Declined = state.Declined || s.word == Declined
		if i == at-1 {
			state.Before = s.word
		}
	}
	state.CapturedMinor, state.RefundedMinor = p.money(state.Word)
	return state
}

// money is what was taken and given back once the word is true.
func (p *Payment) money(word Word) (captured, refunded int64) {
	switch word {
	case Charged:
		return p.AmountMinor, 0
	case ChargedOtherAmount, PartCharged:
		return p.other, 0
	case PartRefunded:
		return p.AmountMinor, p.part
	case Refunded, Reversed:
		return p.AmountMinor, p.AmountMinor
	default:
		return 0, 0
	}
}

// Told is the word that an answer with this state expresses, empty for a strange
// one, and the money in it.
func (s State) Told() (word Word, captured, refunded int64) {
	if s.Strange {
		return "", 0, 0
	}
	return s.Word, s.CapturedMinor, s.RefundedMinor
}

// Agrees reports whether two states tell the same of a payment.
func (s State) Agrees(with State) bool {
	return s.Word == with.Word && s.CapturedMinor == with.CapturedMinor && s.RefundedMinor == with.RefundedMinor &&
		s.Currency == with.Currency && s.Strange == with.Strange
}

// Previous is what was true in the stage before that of the state; the state itself
// where there was none.
func (p *Payment) Previous(s State) State {
	if s.Stage == 0 {
		return s
	}
	return p.stage(s.Stage - 1)
}

// Reopened is what was true when the payment was last open before the state. Where
// its life has no open stage before, it is in progress, or what the provider has in
// the place of that word.
func (p *Payment) Reopened(s State) State {
	for at := s.Stage - 1; at >= 0; at-- {
		if slices.Contains(openWords, p.stages[at].word) {
			return p.stage(at)
		}
	}
	for _, word := range openWords {
		if p.CanSay(word) {
			return State{Word: word, Since: p.Created}
		}
	}
	return s
}

// openWords are those of a payment that somebody works on, the most common first.
var openWords = []Word{InProgress, PayerAction, Waiting, Held}

// CanSay reports whether this word can be told of this payment.
func (p *Payment) CanSay(word Word) bool {
	return CanSay(p.Provider, word) && (p.Words == nil || slices.Contains(p.Words, word))
}

// PartMinor is the part that a part refund gives back.
func (p *Payment) PartMinor() int64 { return p.part }

// OtherMinor is less than the amount: what is taken where not all of it is.
func (p *Payment) OtherMinor() int64 { return p.other }

// MoneyIn is the currency that the state's money is in.
func (p *Payment) MoneyIn(s State) string { return cmp.Or(s.Currency, p.Currency) }

// Changes lists when each stage begins, the first one first.
func (p *Payment) Changes() []time.Time {
	var at []time.Time
	for _, s := range p.stages {
		at = append(at, s.from)
	}
	return at
}

// EndsAt is when the last stage begins.
func (p *Payment) EndsAt() time.Time { return p.stages[len(p.stages)-1].from }

// Draw draws from 0 to n-1, always the same for the same payment and names.
func (p *Payment) Draw(n int, names ...string) int {
	return dice.Roll(n, p.Seed, append([]string{p.Key}, names...)...)
}

// Sometimes is true for one payment (or one case of it) in n.
func (p *Payment) Sometimes(n int, names ...string) bool { return p.Draw(n, names...) == 0 }

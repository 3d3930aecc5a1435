package uapay

import "reconciler/internal/sandbox/life"

// pair is a status in its two vocabularies: P of processing, I of the invoicer.
type pair struct{ P, I string }

// String is the pair as ledgers show it: "FINISHED+PAID".
func (p pair) String() string { return p.P + "+" + p.I }

// pairs is how each word looks on the two axes. Where a word has several, a
// payment always uses the same one. Only pairs that say the same to everybody
// are in here; pairs that disagree are in lags.
var pairs = map[life.Word][]pair{
	life.Waiting:            {{"OPEN", "NEW"}},
	life.PayerAction:        {{"NEEDS_CONFIRMATION", "NEW"}},
	life.InProgress:         {{"PENDING", "NEW"}, {"PENDING", "PAID"}, {"PAYED", "NEW"}, {"PAYED", "PAID"}},
	life.Held:               {{"HOLDED", "PAID"}},
	life.Charged:            {{"FINISHED", "FINISHED"}, {"FINISHED", "FINISHED"}, {"FINISHED", "PAID"}},
	life.ChargedOtherAmount: {{"FINISHED", "FINISHED"}},
	life.Declined:           {{"REJECTED", "NEW"}, {"REJECTED", "CANCELED"}},
	life.Canceled:           {{"CANCELED", "NEW"}, {"CANCELED", "CANCELED"}},
	life.Refunded:           {{"REVERSED", "REVERSED"}, {"RETURNED", "REVERSED"}},
	life.HoldReleased:       {{"CANCELED", "PAID"}},
}

// strangeWord is a word of neither axis.
const strangeWord = "SETTLING"

// change is a step from one word to another.
type change struct{ from, to life.Word }

// lags are the pairs seen while one of the two systems has taken a step and the
// other has not. They say nothing yet.
var lags = map[change]pair{
	{life.Held, life.Charged}:       {"HOLDED", "FINISHED"},
	{life.Held, life.HoldReleased}:  {"HOLDED", "CANCELED"},
	{life.InProgress, life.Charged}: {"FINISHED", "NEW"},
	{life.Charged, life.Refunded}:   {"PAYED", "REVERSED"},
}

// axes says how a payment looks now. A lag shows for about half of the changes
// that can have one, once, on the first look after the change.
func (s *Simulator) axes(p *life.Payment, state life.State) (at pair, lagging bool) {
	if state.Strange {
		return pair{P: strangeWord, I: "NEW"}, false
	}
	lag, can := lags[change{state.Before, state.Word}]
	if s.Rough && can && p.Sometimes(2, "lag", string(state.Word)) && s.count(p, "lag "+string(state.Word)) == 0 {
		return lag, true
	}
	if s.BothCanceled && state.Word == life.HoldReleased && s.count(p, "released") > 0 {
		return pair{P: "CANCELED", I: "CANCELED"}, false
	}
	ways := pairs[state.Word]
	return ways[p.Draw(len(ways), "axes", string(state.Word))], false
}

// count gives how often this was asked for this payment before.
func (s *Simulator) count(p *life.Payment, what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := p.Key + "\x00" + what
	s.told[key]++
	return s.told[key] - 1
}

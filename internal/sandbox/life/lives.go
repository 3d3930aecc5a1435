package life

import (
	"math/rand/v2"
	"slices"
)

// Stage is one part of a life.
type Stage struct {
	Word Word
	// Steps is the stage's length in steps; 0: it lasts for good.
	Steps float64
	// Passing stages are left out at providers that have no word for them.
	Passing bool
}

// Life is one script that a payment can live by.
type Life struct {
	// Name is what commands and reports call it: "held_then_captured".
	Name string
	// Says tells in one line what happens.
	Says string
	// Undecided lives end in a word that decides nothing: a client has to give up.
	Undecided bool

	weight int
	stages []Stage
}

// lives is the closed list. Those without a weight do not belong to an ordinary day and
// come by name, or to who picks from all. Weights make a mixture like a shop's ordinary day,
// with enough of the rare lives that a few hundred payments meet all of them.
var lives = []Life{
	{Name: "charged", weight: 38, Says: "registered, payer acts, in progress, charged", stages: []Stage{
		{Waiting, 1, true}, {PayerAction, 1, true}, {InProgress, 1, true}, {Charged, 0, false},
	}},
	{Name: "charged_at_once", weight: 10, Says: "charged before anybody asks", stages: []Stage{{Charged, 0, false}}},
	{Name: "declined", weight: 14, Says: "payer acts, then the bank declines", stages: []Stage{
		{Waiting, 0.5, true}, {PayerAction, 1, true}, {InProgress, 0.5, true}, {Declined, 0, false},
	}},
	{Name: "canceled", weight: 5, Says: "broken off before any money moved", stages: []Stage{
		{Waiting, 1, true}, {PayerAction, 1, true}, {Canceled, 0, false},
	}},
	{Name: "refunded", weight: 5, Says: "charged, then given back, in two parts where that can be told", stages: []Stage{
		{InProgress, 1, true}, {Charged, 2, false}, {PartRefunded, 1, true}, {Refunded, 0, false},
	}},
	{Name: "part_refunded", weight: 4, Says: "charged, then a part given back", stages: []Stage{
		{InProgress, 1, true}, {Charged, 2, false}, {PartRefunded, 0, false},
	}},
	{Name: "held_then_captured", weight: 5, Says: "held, later captured", stages: []Stage{
		{PayerAction, 1, true}, {Held, 2, false}, {Charged, 0, false},
	}},
	{Name: "captured_in_part", Says: "held, later a part of it captured", stages: []Stage{
		{PayerAction, 1, true}, {Held, 2, false}, {PartCharged, 0, false},
	}},
	{Name: "hold_released", weight: 3, Says: "held, later released", stages: []Stage{
		{PayerAction, 1, true}, {Held, 2, false}, {HoldReleased, 0, false},
	}},
	{Name: "reversed", weight: 2, Says: "charged, given back whole the same day", stages: []Stage{
		{InProgress, 1, true}, {Charged, 2, false}, {Reversed, 0, false},
	}},
	{Name: "late_success", weight: 3, Says: "declined, and charged after all", stages: []Stage{
		{InProgress, 0.5, true}, {Declined, 2, false}, {Charged, 0, false},
	}},
	{Name: "never_known", weight: 2, Undecided: true, Says: "the provider never hears of it", stages: []Stage{{NotKnown, 0, false}}},
	{Name: "appears_late", weight: 3, Says: "not found at first, later charged", stages: []Stage{
		{NotKnown, 2, false}, {InProgress, 1, true}, {Charged, 0, false},
	}},
	{Name: "stuck", weight: 2, Undecided: true, Says: "never decided: the payer walked away", stages: []Stage{
		{Waiting, 1, true}, {PayerAction, 0, true},
	}},
	{Name: "expired", weight: 2, Says: "the provider says that time ran out", stages: []Stage{
		{PayerAction, 2, true}, {Expired, 0, false},
	}},
	{Name: "captured_then_refunded", Says: "held, captured, given back, in two parts where that can be told", stages: []Stage{
		{PayerAction, 1, true}, {Held, 2, false}, {Charged, 2, false}, {PartRefunded, 1, true}, {Refunded, 0, false},
	}},
	{Name: "late_success_refunded", Says: "declined, charged after all, then given back", stages: []Stage{
		{InProgress, 0.5, true}, {Declined, 2, false}, {Charged, 2, false}, {Refunded, 0, false},
	}},
	{Name: "canceled_then_charged", Says: "broken off, and charged after all", stages: []Stage{
		{PayerAction, 1, true}, {Canceled, 2, false}, {Charged, 0, false},
	}},
	{Name: "expired_then_charged", Says: "out of time by the provider's own word, and charged after all", stages: []Stage{
		{PayerAction, 1, true}, {Expired, 2, false}, {Charged, 0, false},
	}},
	{Name: "wrong_amount", weight: 2, Says: "charged with another amount", stages: []Stage{
		{InProgress, 1, true}, {ChargedOtherAmount, 0, false},
	}},
}

// Lives lists the closed set of lives.
func Lives() []Life { return slices.Clone(lives) }

// ByName finds a life.
func ByName(name string) (Life, bool) {
	for _, l := range lives {
		if l.Name == name {
			return l, true
		}
	}
	return Life{}, false
}

// Stages is the life as the provider can tell it: passing stages it has no
// word for are left out, and the last one lasts for good. It is nil where the
// provider can't express a stage that matters.
func (l Life) Stages(provider string) []Stage {
	var told []Stage
	for _, s := range l.stages {
		switch {
		case CanSay(provider, s.Word):
			told = append(told, s)
		case !s.Passing:
			return nil
		}
	}
	if len(told) > 0 {
		told[len(told)-1].Steps = 0
	}
	return told
}

// For reports whether the provider can express this life.
func (l Life) For(provider string) bool { return len(l.Stages(provider)) > 0 }

// PickAny draws a life the provider can express, all alike, those without a weight too.
// The same r gives the same lives in the same order.
func PickAny(r *rand.Rand, provider string) Life {
	var its []Life
	for _, l := range lives {
		if l.For(provider) {
			its = append(its, l)
		}
	}
	if len(its) == 0 {
		return Life{}
	}
	return its[r.IntN(len(its))]
}

// Pick draws a life the provider can express, by weight. The same r gives the
// same lives in the same order.
func Pick(r *rand.Rand, provider string) Life {
	total := 0
	for _, l := range lives {
		if l.For(provider) {
			total += l.weight
		}
	}
	if total == 0 {
		return Life{}
	}
	at := r.IntN(total)
	for _, l := range lives {
		if !l.For(provider) {
			continue
		}
		if at -= l.weight; at < 0 {
			return l
		}
	}
	return Life{}
}

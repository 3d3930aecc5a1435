package sandbox

import (
	"fmt"
	"slices"

	"reconciler/internal/sandbox/fault"
)

// Trouble is a span of time in which every ask at one provider, or every delivery to
// one hook, meets the same thing, whatever the level of faults: an outage from 10:00
// to 16:00, say.
type Trouble = fault.Trouble

// TroubleKind is what a Trouble is; it is also the Fault of the asks and receipts that
// meet it.
type TroubleKind = fault.Kind

// Outages: nobody is answered, no payment named in the ledger.
const (
	// DownRefused closes connections before a byte is read; each is one entry of
	// the ledger.
	DownRefused TroubleKind = fault.OutageRefused
	// DownReset reads a request and resets the connection.
	DownReset TroubleKind = fault.OutageReset
	// Down503 answers HTTP 503 with the page of a gateway, without Retry-After.
	Down503 TroubleKind = fault.Outage503
	// DownHang answers nobody: a request ends when its client goes away, at the
	// latest, by a reset, when the trouble is over.
	DownHang TroubleKind = fault.OutageHang
)

// Hostile answers: who asks is answered, and lied to. Tokens and sessions are
// spared, so that the lies are about payments.
const (
	// HostileAny is every kind in turn; Ask.Fault names the one that came.
	HostileAny TroubleKind = fault.Anything
	// HostileForged is the right answer with a wrong signature, at the providers
	// that sign; HostileSwapped another payment's answer; HostileElsewhere a
	// redirect to the merchant, whose ledger writes down who follows it.
	HostileForged    TroubleKind = fault.Forged
	HostileSwapped   TroubleKind = fault.Swapped
	HostileElsewhere TroubleKind = fault.Elsewhere
)

// Answers that are none, or no good, for tokens and sessions too.
const (
	// AnswerSlow is the right answer, late by Trouble.Late.
	AnswerSlow TroubleKind = fault.Slow
	// Answer500 and Answer503 are errors of a provider that read the request.
	Answer500 TroubleKind = fault.Error500
	Answer503 TroubleKind = fault.Error503
	// AnswerThrottled is HTTP 429 with Trouble.RetryAfter, late by Trouble.Late.
	AnswerThrottled TroubleKind = fault.Throttle
	// AnswerBusy is "try again later" in the provider's own words; AnswerThrottled
	// where it has none.
	AnswerBusy TroubleKind = fault.Busy
	// AnswerGarbage is HTTP 200 with something that is no answer; AnswerCut the right
	// one, with the connection dropped half way.
	AnswerGarbage TroubleKind = fault.Garbage
	AnswerCut     TroubleKind = fault.Cut
)

// Answers whole and in time that do not tell the truth: Ask.Told is what they
// express, Ask.Truth what was true. Ask.Fault names the trouble only where the two
// differ because of it.
const (
	// TellsFlapping tells the word before the present one and the present one, in turn.
	TellsFlapping TroubleKind = fault.Flapping
	// TellsRegression tells a charged payment as open, TellsContradiction as declined;
	// both in the first Trouble.Looks answers about it, or in all.
	TellsRegression    TroubleKind = fault.Regression
	TellsContradiction TroubleKind = fault.Contradiction
	// TellsNothingKnown tells payments that were made before the trouble began as
	// not found.
	TellsNothingKnown TroubleKind = fault.Forgets
)

// Money and words that are wrong, whole and in time. Ask.Told, the amounts and
// Ask.Currency are what the answer expresses.
const (
	// TellsOtherAmount tells a charged payment as charged with less, or more.
	TellsOtherAmount TroubleKind = fault.OtherAmount
	// TellsOtherCurrency tells it as charged with the same number in another currency.
	// uapay names none.
	TellsOtherCurrency TroubleKind = fault.OtherCurrency
	// TellsOverRefund tells it as refunded in part, with more than was taken;
	// TellsRefundShrinks a part refund as less than the look before was told, with one
	// digit less. uapay tells of no part refund.
	TellsOverRefund    TroubleKind = fault.OverRefund
	TellsRefundShrinks TroubleKind = fault.RefundShrinks
	// TellsStrangeWord tells the status in a word that no document knows: Ask.Told is
	// empty, Ask.Raw holds it.
	TellsStrangeWord TroubleKind = fault.StrangeWord
)

// Nobody is let in: Ask.Refused says so, too.
const (
	// RefusesLogin: a wrong login, client secret or key. RefusesAccount: a wrong
	// terminal, client or project; finipay has no words for that.
	RefusesLogin   TroubleKind = fault.LoginRefused
	RefusesAccount TroubleKind = fault.AccountRefused
)

// What holds beside every other trouble.
const (
	// TokensRevoked refuses every token and session issued before Trouble.From, and
	// again every Trouble.Every. For halyk and uapay, which have them.
	TokensRevoked TroubleKind = fault.TokensRevoked
	// ClockStepped puts all times in answers off by Trouble.Clock. Ask.Fault says so
	// where nothing else is wrong.
	ClockStepped TroubleKind = fault.ClockStepped
)

// AllHooks in Trouble.Hook means every hook of the merchant.
const AllHooks = fault.AllHooks

// Troubles of hooks. A delivery is verified first; what is not is refused as ever.
const (
	// HookDownRefused closes connections before a byte is read, for AllHooks only: they
	// are in Tally and are no receipts. HookDownReset resets after the delivery was
	// read. HookDownHang answers nobody until the sender goes away or the trouble ends.
	HookDownRefused TroubleKind = fault.OutageRefused
	HookDownReset   TroubleKind = fault.OutageReset
	HookDownHang    TroubleKind = fault.OutageHang
	// Hook500 is HTTP 500. Hook503 and Hook429 come with Trouble.RetryAfter.
	Hook500 TroubleKind = fault.Error500
	Hook503 TroubleKind = fault.Unavailable503
	Hook429 TroubleKind = fault.Throttle
	// HookTakes500 takes the webhook and answers 500: Receipt.Taken without Delivered.
	HookTakes500 TroubleKind = fault.TakenBut500
	// HookSlow answers late by Trouble.Late; HookSlowBody answers 200 at once and takes
	// Late for its body; HookSlowReading, for AllHooks only, takes Late for every 256
	// bytes that it reads.
	HookSlow        TroubleKind = fault.Slow
	HookSlowBody    TroubleKind = fault.SlowBody
	HookSlowReading TroubleKind = fault.SlowReading
	// Hook302 and Hook307 redirect to where the ledger writes down who followed.
	Hook302 TroubleKind = fault.Redirect
	Hook307 TroubleKind = fault.Redirect307
	Hook304 TroubleKind = fault.NotModified
	// Hook410 is HTTP 410, for good where Trouble.Until is zero.
	Hook410 TroubleKind = fault.Gone
	// HookEndless, HookHuge and HookCut take the webhook with 200, and a body that
	// never ends, is of 10 MiB, or breaks off with the connection.
	HookEndless TroubleKind = fault.Endless
	HookHuge    TroubleKind = fault.Huge
	HookCut     TroubleKind = fault.Cut
)

// TroubleKinds lists what a Trouble of a provider can be, those without a constant
// here too.
func TroubleKinds() []TroubleKind { return fault.TroubleKinds() }

// TroubleKindsOf lists what a Trouble of this provider can be: not every one has
// tokens, or words for another's account, a currency, a part refund.
func TroubleKindsOf(provider string) []TroubleKind {
	return slices.DeleteFunc(TroubleKinds(), func(k TroubleKind) bool {
		switch k {
		case TokensRevoked:
			return provider != Halyk && provider != Uapay
		case RefusesAccount:
			return provider == Finipay
		case TellsOtherCurrency, TellsOverRefund, TellsRefundShrinks:
			return provider == Uapay
		}
		return false
	})
}

// HookTroubleKinds lists what a Trouble of a hook can be.
func HookTroubleKinds() []TroubleKind { return fault.HookTroubleKinds() }

// HostileKinds lists the hostile answers, without HostileAny.
func HostileKinds() []TroubleKind { return fault.HostileKinds() }

// Trouble makes a provider or a hook be in trouble, now or later. Asks and deliveries
// in hand are not concerned. Of troubles at the same time the latest one counts, but
// for those that hold beside every other.
func (s *Sandbox) Trouble(t Trouble) error {
	_, isHook := s.options.Merchant.Secrets[t.Hook]
	switch {
	case t.Hook != "" && t.Hook != AllHooks && !isHook:
		return fmt.Errorf("sandbox: a trouble names %q, which is no hook", t.Hook)
	case t.Hook == "" && !slices.Contains(Providers(), t.Provider):
		return fmt.Errorf("sandbox: a trouble names %q, which is no provider", t.Provider)
	case t.Hook == "" && slices.Contains(TroubleKinds(), t.Kind) && !slices.Contains(TroubleKindsOf(t.Provider), t.Kind):
		return fmt.Errorf("sandbox: %s can't be in the trouble %q", t.Provider, t.Kind)
	}
	if err := s.plan.Add(t); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	return nil
}

// Calm ends the faults of the level, for good: from now on only troubles happen.
func (s *Sandbox) Calm() { s.plan.Calm() }

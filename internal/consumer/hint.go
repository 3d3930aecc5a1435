package consumer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"reconciler/internal/broker"
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// recordLimit bounds what recording a payment's aliases may delay its first poll:
// without them a payment is only found by its polls.
const recordLimit = 2 * time.Second

// recordReferences makes a payment findable by what its provider calls it. It
// fails nothing: a hint is a comfort, the polls are the promise.
func (in *intake) recordReferences(ctx context.Context, w watch, account *Account) {
	reader, ok := account.Provider.(providers.CallbackReader)
	if !in.references || !ok {
		return
	}
	limited, cancel := context.WithTimeout(ctx, recordLimit)
	defer cancel()
	of := broker.PaymentRef{Account: w.Account, Merchant: w.MerchantID, Payment: w.PaymentID}
	if err := in.broker.RecordReferences(limited, of, reader.Aliases(w.Reference)); err != nil {
		in.log.Warn().Err(err).Str("event", "payment.unreferenced").Str("merchant", w.MerchantID).Str("payment", w.PaymentID).
			Str("provider", w.Account).Msg("callbacks will not find this payment; its polls go on")
	}
}

// Hinter makes polls due that a hint says are worth it. It is safe for
// concurrent use and keeps nothing.
type Hinter struct {
	broker *broker.Broker
	floors map[string]time.Duration
	log    zerolog.Logger
}

// NewHinter makes a hinter for these accounts, of which it uses name and floor.
func NewHinter(b *broker.Broker, accounts []*Account, log zerolog.Logger) *Hinter {
	h := &Hinter{broker: b, floors: map[string]time.Duration{}, log: log}
	for _, a := range accounts {
		h.floors[a.Name] = a.Policy.Floor
	}
	return h
}

// HintResult counts the payments that a hint named, by what became of them. All
// zero: it named none that is known.
type HintResult struct {
	// Hastened ones have their poll due now, because of this hint.
	Hastened int
	// Coalesced ones need no hint: their poll is due already, or at the latest
	// when the provider may be asked again, or they are not watched any more.
	Coalesced int
	// Left ones have a timer that this worker can't read; it fires at its time.
	Left int
	// Crowded are the aliases that mean more payments than one hint may hasten;
	// nothing was done about those.
	Crowded int
}

// Bounds of one hint: whoever sends it decides what it names.
const (
	mostAliases = 8
	mostHinted  = 16
)

// Hint makes the polls of those payments of an account due now that its provider
// calls by these aliases. It sets no status and believes nothing; it never makes
// a poll earlier than the provider's floor: a due poll that comes too soon after
// the last look waits for the rest of it at the poller. Any number of hints
// within the floor cause one poll. An error says that the broker failed; what was
// done before it stands, and hinting again does no harm.
func (h *Hinter) Hint(ctx context.Context, account string, aliases []string) (HintResult, error) {
	floor, ok := h.floors[account]
	if !ok {
		return HintResult{}, errors.New("hint: no such account")
	}
	var r HintResult
	seen := map[broker.PaymentRef]bool{}
	for _, alias := range aliases[:min(len(aliases), mostAliases)] {
		payments, err := h.broker.Referred(ctx, account, alias)
		if err != nil {
			return r, fmt.Errorf("hint: %w", err)
		}
		if len(payments) > mostHinted {
			r.Crowded++
			continue
		}
		for _, of := range payments {
			if seen[of] {
				continue
			}
			seen[of] = true
			count, err := h.hasten(ctx, of, floor)
			if err != nil {
				return r, fmt.Errorf("hint: %w", err)
			}
			r.add(count)
		}
	}
	return r, nil
}

func (r *HintResult) add(one HintResult) {
	r.Hastened, r.Coalesced, r.Left = r.Hastened+one.Hastened, r.Coalesced+one.Coalesced, r.Left+one.Left
}

// hasten makes one payment's poll due now, unless that gains nothing.
func (h *Hinter) hasten(ctx context.Context, of broker.PaymentRef, floor time.Duration) (HintResult, error) {
	hastened, coalesced, left := HintResult{Hastened: 1}, HintResult{Coalesced: 1}, HintResult{Left: 1}
	timer, err := h.broker.Timer(ctx, broker.PollTimer(of.Account, of.Merchant, of.Payment))
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return coalesced, nil // due already, being polled, or not watched any more
	case err != nil:
		return HintResult{}, fmt.Errorf("look for a payment's timer: %w", err)
	}
	w, err := parseWatch(timer.Body)
	if err != nil || of != (broker.PaymentRef{Account: w.Account, Merchant: w.MerchantID, Payment: w.PaymentID}) {
		h.log.Warn().Err(err).Str("event", "hint.left").Str("provider", of.Account).Str("merchant", of.Merchant).
			Str("payment", of.Payment).Msg("the payment's timer can't be read here; it is left as it is")
		return left, nil
	}
	if !gains(w, timer.At, time.Now(), floor) {
		return coalesced, nil
	}
	err = h.fire(ctx, of, timer)
	switch {
	case isConflict(err):
		return coalesced, nil // it fired meanwhile, or somebody else hastened it
	case err != nil:
		return HintResult{}, err
	}
	return hastened, nil
}

// fire ends a timer early. Its body goes on as it is: how long was really waited
// is for the poller to say, when the look is made.
func (h *Hinter) fire(ctx context.Context, of broker.PaymentRef, timer broker.ArmedTimer) error {
	header := maps.Clone(timer.Header)
	if header == nil {
		header = nats.Header{}
	}
	header.Set(headerTrigger, string(payment.TriggerHint))
	err := h.broker.FireNow(ctx, broker.Fire{
		Timer: broker.PollTimer(of.Account, of.Merchant, of.Payment), TimerSeq: timer.Seq,
		Due: broker.PollDue(of.Account, of.Merchant, of.Payment), Header: header, Body: timer.Body,
	})
	if err != nil {
		return fmt.Errorf("hasten a poll: %w", err)
	}
	return nil
}

// least is what a hint must gain. It also keeps hints away from the instant in
// which a timer fires: one that is ended then may fire all the same, and the two
// due messages would be two looks at once.
const least = time.Second

// gains reports whether ending a timer now makes the look earlier: not where it
// fires, give or take, at the instant from which the provider may be asked again.
// A hasty look is postponed to that same instant, so that of any number of hints
// only the first one writes.
func gains(w watch, at, now time.Time, floor time.Duration) bool {
	from := now
	if again := w.mayAgain(floor); again.After(from) {
		from = again
	}
	return at.After(from.Add(least))
}

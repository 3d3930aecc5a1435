package providertest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
	"reconciler/internal/sandbox"
	"reconciler/internal/sandbox/fault"
)

// meanings say what an adapter has to observe when its provider tells a word of
// the truth. They are written from the words' own meaning and not from any
// adapter's table. A charge of another amount is a charge: that the amount is
// wrong is seen later, beside the expected one.
func meanings() map[sandbox.Word]payment.Status {
	return map[sandbox.Word]payment.Status{
		sandbox.Waiting: payment.Pending, sandbox.PayerAction: payment.RequiresAction, sandbox.InProgress: payment.Processing,
		sandbox.Held: payment.Authorized, sandbox.Charged: payment.Succeeded, sandbox.ChargedOtherAmount: payment.Succeeded,
		sandbox.PartCharged: payment.PartiallyCaptured, sandbox.Declined: payment.Failed, sandbox.Canceled: payment.Canceled, sandbox.Expired: payment.Expired,
		sandbox.PartRefunded: payment.PartiallyRefunded, sandbox.Refunded: payment.Refunded,
		sandbox.HoldReleased: payment.Canceled, sandbox.Reversed: payment.Voided,
	}
}

// faultKinds say what a poll is that met a fault. Garbage is told apart by some:
// a page where an answer should be is a provider under repair.
func faultKinds() map[fault.Kind][]providers.Kind {
	return map[fault.Kind][]providers.Kind{
		fault.Error500: {providers.Unavailable}, fault.Error503: {providers.Unavailable}, fault.Hang: {providers.Unavailable},
		fault.Reset: {providers.Unavailable}, fault.Cut: {providers.Unavailable},
		fault.Outage503: {providers.Unavailable}, fault.OutageReset: {providers.Unavailable},
		fault.Throttle: {providers.Throttled}, fault.Busy: {providers.Throttled},
		fault.Garbage: {providers.Unreadable, providers.Unavailable},
	}
}

// judge says what is wrong with the outcome of a poll, by the last ask that it
// made; empty: nothing.
func (s Subject) judge(ask sandbox.Ask, v *watched, obs payment.Observation, err error) string {
	kind := fault.Kind(ask.Fault)
	switch {
	case kind != fault.OK && kind != fault.Slow:
		return judgeFault(kind, err)
	case ask.Credential || ask.Refused != "":
		return "the poll ended with a request for credentials, or with one that was refused"
	case ask.Told == sandbox.NotKnown:
		return wantKind(err, providers.NotFound)
	case ask.Told == "":
		// The halves of the answer disagreed, as while one catches up.
		return wantKind(err, providers.Inconsistent)
	case err != nil:
		return "an error, and the provider had told " + string(ask.Told)
	}
	want, ok := s.Means[ask.Told]
	if !ok {
		want = meanings()[ask.Told]
	}
	if obs.Status != want {
		return fmt.Sprintf("%s is %s, want %s", ask.Told, obs.Status, want)
	}
	return judgeMoney(ask, v, obs)
}

func judgeFault(kind fault.Kind, err error) string {
	kinds, ok := faultKinds()[kind]
	if !ok {
		return fmt.Sprintf("the fault %q has no meaning here; add it to the table", kind)
	}
	if problem := wantKind(err, kinds...); problem != "" {
		return problem
	}
	var e *providers.Error
	if kind == fault.Throttle && errors.As(err, &e) && e.RetryAfter != time.Second {
		return fmt.Sprintf("told to wait a second, and the error says %s", e.RetryAfter)
	}
	return ""
}

// wantKind wants an error of one of the kinds.
func wantKind(err error, kinds ...providers.Kind) string {
	if slices.ContainsFunc(kinds, func(k providers.Kind) bool { return errors.Is(err, k) }) {
		return ""
	}
	return fmt.Sprintf("want an error of kind %v", kinds)
}

// judgeMoney: what was taken and given back is what the answer says, and the
// amount to compare is the whole payment's. A QR answer says none.
func judgeMoney(ask sandbox.Ask, v *watched, obs payment.Observation) string {
	whole := v.AmountMinor
	if ask.Told == sandbox.ChargedOtherAmount {
		whole = ask.CapturedMinor
	}
	for _, m := range []struct {
		name string
		got  payment.Money
		want int64
	}{{"captured", obs.Captured, ask.CapturedMinor}, {"refunded", obs.Refunded, ask.RefundedMinor}, {"amount", obs.Amount, whole}} {
		switch {
		case m.got.Known() && m.got.Currency() != v.Currency:
			return fmt.Sprintf("%s is in %s, the payment in %s", m.name, m.got.Currency(), v.Currency)
		case m.name == "amount" && !m.got.Known():
			continue
		case m.got.Minor() != m.want:
			return fmt.Sprintf("%s is %d minor units, want %d", m.name, m.got.Minor(), m.want)
		}
	}
	if ask.CapturedMinor > 0 && !obs.Amount.Known() {
		return "money was taken, and there is no amount to compare"
	}
	return ""
}

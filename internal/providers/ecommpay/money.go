package ecommpay

import (
	"errors"

	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// total is the sum of the successful operations of one role.
type total struct {
	count int
	sum   payment.Money
	// silent: one of them has no sum, so the total is not known.
	silent bool
}

// add adds one operation's sum. The error is a *payment.MoneyError.
func (t *total) add(m payment.Money) error {
	t.count++
	var err error
	switch {
	case !m.Known():
		t.silent = true
	case !t.sum.Known():
		t.sum = m
	default:
		t.sum, err = t.sum.Plus(m)
	}
	return err
}

// money is the total, absent where it is not known.
func (t total) money() payment.Money {
	if t.silent {
		return payment.Money{}
	}
	return t.sum
}

// movements is what the successful operations did to the money.
type movements struct {
	// operations is how many there are at all, whatever became of them.
	operations               int
	taken, returned, retaken total
	// held is the sum of the last successful auth, holds how many there are.
	held  payment.Money
	holds int
	// grown: an incremental authorisation was successful. Whether its sum is the
	// new hold or what it adds is documented nowhere, so the hold is not known.
	grown bool
	// borrowed: the one capture has no sum, and the auth's stands for it.
	borrowed bool
	// mixed: sums in several currencies that can't be added.
	mixed bool
	// unsure: an operation of a type that we can't judge was successful.
	unsure bool
}

// tally adds up the operations. The error is a *providers.FieldProblem.
func tally(operations []operation) (movements, error) {
	m := movements{operations: len(operations)}
	for _, o := range operations {
		if !o.success {
			continue
		}
		if err := m.add(o); err != nil {
			return movements{}, err
		}
	}
	if m.grown {
		m.held = payment.Money{}
	}
	if m.taken.count == 1 && m.taken.silent && m.held.Known() {
		m.taken.sum, m.taken.silent, m.borrowed = m.held, false, true
	}
	return m, nil
}

func (m *movements) add(o operation) error {
	switch o.role {
	case other:
		m.unsure = true
		return nil
	case raises:
		m.grown = true
		return nil
	case idle:
		return nil
	}
	sum, err := o.sum()
	if err != nil {
		return err
	}
	switch o.role {
	case holds:
		m.holds++
		m.held = sum
	case takes:
		err = m.taken.add(sum)
	case returns:
		err = m.returned.add(sum)
	case retakes:
		err = m.retaken.add(sum)
	}
	var fault *payment.MoneyError
	if errors.As(err, &fault) {
		if fault.Field != "currency" {
			return &providers.FieldProblem{Path: "$.operations", Problem: "have sums that together are out of range"}
		}
		m.mixed = true
	}
	return nil
}

// captured is what was taken; absent where it is not known.
func (m movements) captured() payment.Money { return m.taken.money() }

// refunded is what went back and stayed back; absent where that is not known
// or nothing did. ok is false where more was undone than had gone back.
func (m movements) refunded() (back payment.Money, ok bool) {
	back = m.returned.money()
	switch {
	case m.retaken.count == 0:
		return back, true
	case m.returned.count == 0:
		return payment.Money{}, false
	case !back.Known() || !m.retaken.money().Known():
		return payment.Money{}, true
	}
	rest, err := back.Minus(m.retaken.money())
	return rest, err == nil
}

// doubt is why the operations rule a status out; "": they don't.
func (m movements) doubt(s payment.Status, f facts) payment.Reason {
	if m.operations == 0 || s.Open() && s != payment.Authorized {
		return ""
	}
	back, sound := m.refunded()
	differ := back.Known() && m.captured().Known() && back.Currency() != m.captured().Currency()
	switch {
	case claimsMoney(s) && (m.mixed || differ):
		return payment.ReasonCurrencyMismatch
	case !sound || m.capturedLess(s, f) || m.contradicts(s):
		return payment.ReasonContradiction
	}
	return ""
}

// doubtful says when a status is doubted, as the table shows it.
func doubtful(s payment.Status) string {
	const begin = "operations[] show "
	switch s {
	case payment.Authorized:
		return begin + "a charge, no hold, or sums in two currencies"
	case payment.Succeeded:
		return begin + "no charge, money given back and kept, a capture without a sum after a hold of another sum than the payment's, or sums in two currencies"
	case payment.PartiallyRefunded:
		return begin + "no charge, nothing or all given back, or sums in two currencies"
	case payment.Refunded:
		return begin + "no charge, not all given back, or sums in two currencies"
	case payment.Voided:
		return begin + "neither charge nor hold, a charge not all given back, or sums in two currencies"
	}
	return begin + "a charge, or more undone than was given back"
}

// fill sets the observation's money. claimed is the status by the word alone,
// expected the currency of the expected amount. The error is a
// *providers.FieldProblem.
func (m movements) fill(o *payment.Observation, claimed payment.Status, f facts, expected string) error {
	amount, err := m.amount(claimed, f, expected)
	if err != nil {
		return err
	}
	if o.Reason != payment.ReasonCurrencyMismatch { // what was added up so far is no amount of anything
		o.Amount = amount
	}
	if m.operations == 0 {
		return nil
	}
	switch o.Status {
	case payment.Succeeded:
		if o.Captured = m.captured(); !o.Captured.Known() {
			o.Captured = o.Amount
		}
	case payment.PartiallyCaptured, payment.PartiallyRefunded, payment.Refunded, payment.Voided:
		// Without a capture what went back was a hold, not money taken.
		if m.taken.count > 0 {
			o.Captured = m.captured()
			o.Refunded, _ = m.refunded()
		}
	}
	return nil
}

// claimsMoney reports whether a status says that money is held or was moved.
func claimsMoney(s payment.Status) bool {
	return s == payment.Authorized || s.Paid() || s == payment.Refunded || s == payment.Voided
}

// amount is what is compared with the expected amount, the whole payment: what
// was taken (all captures together), then the hold, then payment.sum, then
// payment.sum_real where it is in the expected currency.
func (m movements) amount(s payment.Status, f facts, expected string) (payment.Money, error) {
	whole := s != payment.PartiallyCaptured // there, what was taken is less by definition
	switch {
	case m.operations == 0 && claimsMoney(s):
		// payment.sum is what was asked for; it would hide a partial authorisation.
		return payment.Money{}, nil
	case whole && m.captured().Known():
		return m.captured(), nil
	case whole && m.taken.count > 1:
		// Several captures, one without a sum: neither the hold nor the payment
		// tells how much of it was taken.
		return payment.Money{}, nil
	case m.held.Known():
		return m.held, nil
	case s == payment.PartiallyRefunded || s == payment.Refunded || s == payment.Voided:
		// Whether payment.sum shrinks with a refund is not documented.
		return payment.Money{}, nil
	}
	if f.sum.given() {
		return f.sum.money()
	}
	return f.sumReal.in(expected), nil
}

// capturedLess reports whether a success whose one capture has no sum may have
// captured something else than the hold, going by the payment's own sums.
func (m movements) capturedLess(s payment.Status, f facts) bool {
	if s != payment.Succeeded || !m.borrowed {
		return false
	}
	for _, sum := range []sum{f.sum, f.sumReal} {
		if own := sum.in(m.held.Currency()); own.Known() && own != m.held {
			return true
		}
	}
	return false
}

// contradicts reports whether the operations rule the status out. An operation
// of a type that we can't judge is given the benefit of the doubt.
func (m movements) contradicts(s payment.Status) bool {
	captured := m.captured()
	back, _ := m.refunded()
	none := back.Known() && back.Minor() == 0 // all that went back was undone
	tookNothing := m.taken.count == 0 && !m.unsure
	gaveNothing := (m.returned.count == 0 || none) && !m.unsure
	both := captured.Known() && back.Known()
	switch s {
	case payment.Authorized:
		return m.taken.count > 0 || m.holds == 0 && !m.unsure
	case payment.Succeeded:
		return tookNothing || m.returned.count > 0 && !none
	case payment.PartiallyCaptured:
		return tookNothing || both && captured.Less(back)
	case payment.PartiallyRefunded:
		return tookNothing || gaveNothing || none || both && !back.Less(captured)
	case payment.Refunded:
		return tookNothing || gaveNothing || both && back != captured
	case payment.Voided:
		if m.taken.count == 0 {
			return m.holds == 0 && !m.unsure // a hold may be reversed too
		}
		return gaveNothing || both && back != captured
	}
	return m.taken.count > 0 // failed, canceled, expired
}

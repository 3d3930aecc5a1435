package halyk

import (
	"reconciler/internal/payment"
	"reconciler/internal/providers"
)

// amounts is the money of a transaction. Each may be absent.
type amounts struct {
	left  payment.Money // amount: what the merchant still has
	back  payment.Money // payoutAmount: what was returned
	orig  payment.Money // orgAmount: what was charged, or held, at first
	bonus payment.Money // amountBonus: paid with points
}

// readAmounts reads the money. Without a currency there is none, whatever the
// numbers say, as in the oldest edition's sample; they still have to be numbers.
// The error is a *providers.FieldProblem.
func readAmounts(transaction providers.Object) (amounts, error) {
	currency, err := transaction.OptionalString(keyCurrency)
	if err != nil {
		return amounts{}, err
	}
	var a amounts
	for _, f := range []struct {
		key  string
		into *payment.Money
	}{{keyAmount, &a.left}, {keyPayout, &a.back}, {keyOriginal, &a.orig}, {keyBonus, &a.bonus}} {
		switch {
		case currency != "":
			*f.into, err = transaction.OptionalMoney(f.key, currency)
		case transaction.Has(f.key):
			_, err = transaction.Decimal(f.key)
		}
		if err != nil {
			return amounts{}, err
		}
	}
	return a, nil
}

// some reports whether money is there and more than nothing.
func some(m payment.Money) bool { return m.Minor() > 0 }

// sum adds money of which either may be absent; a sum too large is absent.
func sum(a, b payment.Money) payment.Money {
	if !a.Known() {
		return b
	}
	if !b.Known() {
		return a
	}
	total, err := a.Plus(b)
	if err != nil {
		return payment.Money{}
	}
	return total
}

// whole is the first amount: orgAmount or, where older answers lack it, the
// sum of its two halves. Absent where nothing is said.
func (a amounts) whole() payment.Money {
	if some(a.orig) {
		return a.orig
	}
	if halves := sum(a.left, a.back); some(halves) {
		return halves
	}
	return payment.Money{}
}

// compared is the amount to compare with the expected one: the whole, or the
// whole with the bonus where only that matches, because no page says whether
// the bonus is inside.
func (a amounts) compared(expected payment.Money) payment.Money {
	whole := a.whole()
	if with := sum(whole, a.bonus); some(whole) && with == expected {
		return with
	}
	return whole
}

// moved is the money taken and given back, as far as a status says that any was.
func (a amounts) moved(status payment.Status, expected payment.Money) (captured, refunded payment.Money) {
	switch status {
	case payment.Succeeded: // absent where the answer names no amount: then it is no success
		return a.compared(expected), a.back
	case payment.PartiallyCaptured:
		return a.left, a.back
	case payment.PartiallyRefunded, payment.Refunded:
		return a.captured(expected), a.returned()
	}
	return payment.Money{}, payment.Money{}
}

// captured is what was taken before anything went back; absent where the
// answer can't tell a part charge from a whole one.
func (a amounts) captured(expected payment.Money) payment.Money {
	switch halves := sum(a.left, a.back); {
	case halves == a.whole(), a.withBonus():
		return a.compared(expected)
	case !some(a.left):
		return payment.Money{}
	case a.lessLeft():
		return a.whole()
	default:
		return halves
	}
}

// returned is what went back: payoutAmount or, where that is not filled, what
// is missing from the original amount.
func (a amounts) returned() payment.Money {
	if some(a.back) || !a.lessLeft() {
		return a.back
	}
	missing, err := a.orig.Minus(a.left)
	if err != nil {
		return payment.Money{}
	}
	return missing
}

// lessLeft: less is left than was there at first, and nothing is booked as
// returned. A part charge looks so, and a refund that is not booked yet.
func (a amounts) lessLeft() bool {
	return !some(a.back) && some(a.left) && a.left.Less(a.orig)
}

// withBonus: the original amount is the left one and the bonus.
func (a amounts) withBonus() bool {
	return some(a.bonus) && some(a.orig) && sum(a.left, a.bonus) == a.orig
}

// tooMuch: the halves are more than the original amount.
func (a amounts) tooMuch() bool { return some(a.orig) && a.orig.Less(sum(a.left, a.back)) }

func chargeDoubted(f facts) bool {
	return f.tooMuch() || (f.lessLeft() && some(f.bonus) && !f.withBonus())
}

func partCharged(f facts) bool { return f.lessLeft() && !f.withBonus() }

func paidOut(f facts) bool { return some(f.back) && f.back == f.whole() }

func partPaidOut(f facts) bool { return some(f.back) && f.back != f.whole() }

func refundDoubted(f facts) bool {
	nothingBack := !some(f.back) && some(f.orig) && (f.left == f.orig || f.withBonus())
	return f.tooMuch() || nothingBack
}

func refundUntold(f facts) bool { return !some(f.returned()) }

func partRefundDoubted(f facts) bool { return refundDoubted(f) || paidOut(f) }
